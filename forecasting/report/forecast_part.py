"""The part of a page that is about forecasts: fan charts and calibration."""

from typing import Any

import numpy as np

from forecasting.evaluation.calibration.coverage import WINDOW
from forecasting.evaluation.calibration.plots import coverage_figure
from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.plots import calibration, reliability
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.forecast.fan_chart import fan_chart
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.report.pictures import Picture, picture
from forecasting.report.tables import moment, price

FAN_TICKERS = 6

_CALIBRATION = (
    "Are the probabilities right? Above: share of outcomes in each twentieth of {model}'s forecast "
    "probability; bars outside the grey band are off by more than chance allows. Below: by how "
    "many percentage points more (or fewer) outcomes fell into the central intervals than should "
    "have."
)
_RELIABILITY = (
    "How often the price rose, by the forecast probability of a rise, with 95 % intervals; right "
    "probabilities lie on the dashed line."
)
_COVERAGE = (
    "Do the bands last? Share of outcomes inside the 90 % band over the trailing dates; grey: the "
    "market's volatility."
)


def forecast_part(
    forecast: Forecast | None, prices: Panel | None, evaluation: Evaluation | None
) -> dict[str, Any]:
    """What the template `forecasts` shows of what was given."""
    fans, calibrations = [], []
    if evaluation is not None:
        calibrations += calibration_pictures(evaluation)
    if forecast is not None and prices is not None:
        fans = fan_pictures(forecast, prices)
        calibrations += coverage_pictures(forecast, prices)
    n_tickers = 0 if forecast is None else len(forecast.tickers)
    return {"fans": fans, "calibrations": calibrations, "n_tickers": n_tickers}


def fan_pictures(forecast: Forecast, prices: Panel) -> list[Picture]:
    """A fan chart of each of the first tickers."""
    return [
        picture(fan_chart(forecast.select([ticker]), prices), _fan_words(forecast, ticker))
        for ticker in forecast.tickers[:FAN_TICKERS]
    ]


def calibration_pictures(evaluation: Evaluation) -> list[tuple[Picture, str]]:
    """PIT, coverage and reliability, each with its caption."""
    model = evaluation.model
    return [
        (
            picture(calibration(evaluation), _coverage_words(evaluation)),
            _CALIBRATION.format(model=model),
        ),
        (picture(reliability(evaluation), _reliability_words(evaluation)), _RELIABILITY),
    ]


def coverage_pictures(forecast: Forecast, prices: Panel) -> list[tuple[Picture, str]]:
    """Coverage of the 90 % band over time, with its caption; none of a span too short for it."""
    known = np.flatnonzero(forecast.mask.any(axis=1))
    if len(known) < WINDOW + forecast.horizons[-1]:
        return []
    forecast = forecast.between(forecast.times[known[0]], None)
    span = prices.select(forecast.tickers).between(forecast.times[0], forecast.times[-1])
    cells, _ = common_cells(span, [forecast])
    figure = coverage_figure(cells, forecast.name, None, span)
    return [(picture(figure, _lasting_words(cells, forecast.name)), _COVERAGE)]


def _fan_words(forecast: Forecast, ticker: str) -> str:
    latest = forecast.select([ticker]).latest()
    if latest.empty:
        return f"Fan chart of {ticker}: no forecast."
    last = latest.iloc[-1]
    return (
        f"Fan chart of {ticker} after {moment(last['origin'])}: from {price(last['price'])}, the "
        f"90 % band of the return over {last['horizon']} bars is {last['q05']:+.1%} to "
        f"{last['q95']:+.1%}."
    )


def _coverage_words(evaluation: Evaluation) -> str:
    own = evaluation.scores[evaluation.scores["forecaster"] == evaluation.model]
    said = ", ".join(f"{row.cover90:.1%} at {row.horizon} bars" for row in own.itertuples())
    return (
        f"PIT histograms and coverage by horizon: the 90 % band of {evaluation.model} held {said}."
    )


def gain_words(evaluation: Evaluation) -> str:
    """What the figure of the gains by year shows."""
    said = []
    for horizon in evaluation.horizons:
        years = evaluation.over_best(horizon, "year")
        parts = ", ".join(f"{row['group']} {row['gain']:+.4f}" for _, row in years.iterrows())
        said.append(f"{horizon} bars, over {years['rival'].iloc[0]}: {parts}")
    return f"Gains in nats a bar by year and by volatility. {'; '.join(said)}."


def _reliability_words(evaluation: Evaluation) -> str:
    said = []
    for horizon, rows in evaluation.reliability.groupby("horizon"):
        low, high = rows.iloc[0], rows.iloc[-1]
        said.append(
            f"{horizon} bars: where {low['forecast']:.0%} was forecast it rose in "
            f"{low['frequency']:.0%}, where {high['forecast']:.0%}, in {high['frequency']:.0%}"
        )
    return f"Forecast chance of a rise against the frequency of rises. {'; '.join(said)}."


def _lasting_words(cells: list[Cells], name: str) -> str:
    said = (f"{part.date_means(name, 'cover90').mean():.1%} at {part.horizon}" for part in cells)
    return f"Coverage of the 90 % band over time; on average {', '.join(said)} bars ahead."
