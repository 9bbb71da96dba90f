"""Forecasts that cannot be scored are refused: a number that means nothing is worse than none."""

from collections.abc import Sequence

import numpy as np

from forecasting.errors import DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.quantile_law import QuantileLaw
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel, day


def require_scorable(span: Panel, forecasts: Sequence[Forecast]) -> None:
    """Refuse forecasts that are not of these bars, or are no laws.

    Raises:
        DataError: A forecast of other bars, tickers or horizons than the others; one that says
            nothing at some horizon; a parameter that is infinite; a scale that is not positive;
            degrees of freedom of 1 or less, without a mean. Names forecaster, ticker and bar.
    """
    if not forecasts:
        raise DataError("no forecasts came: expected at least one. Name a forecaster.")
    for forecast in forecasts:
        _require_alignment(span, forecast, forecasts[0])
        _require_parameters(forecast)
        _require_answers(forecast)


def _require_alignment(span: Panel, forecast: Forecast, first: Forecast) -> None:
    name = forecast.name
    if forecast.tickers != span.tickers:
        odd = sorted({*forecast.tickers} ^ {*span.tickers})
        how = f"{odd[0]} is not in both" if odd else "their order differs"
        raise DataError(
            f"{name} forecasts {len(forecast.tickers)} tickers: expected the {len(span.tickers)} "
            f"of {span.source}, but {how}. Forecast the prices that are scored."
        )
    if not np.array_equal(forecast.times, span.times):
        same = forecast.times[: len(span.times)] == span.times[: len(forecast.times)]
        at = len(same) if same.all() else int(np.argmin(same))
        where = f", the first difference is at bar {at + 1}"
        raise DataError(
            f"{name} forecasts {_bars(forecast.times)}: expected {_bars(span.times)}{where}. "
            "Forecast the prices that are scored."
        )
    if forecast.horizons != first.horizons:
        raise DataError(
            f"{name} forecasts {list(forecast.horizons)} bars ahead: expected "
            f"{list(first.horizons)} as {first.name}. Compare models of the same horizons."
        )


def _require_parameters(forecast: Forecast) -> None:
    law = forecast.law
    for name, parameter in law.parameters().items():
        _refuse(forecast, np.isinf(parameter), parameter, name, "finite numbers")
    if isinstance(law, StudentT):
        _refuse(forecast, law.scale <= 0, law.scale, "scale", "a positive scale")
    if isinstance(law, StudentT | QuantileLaw):
        _refuse(forecast, law.df <= 1, law.df, "df", "degrees of freedom above 1, to have a mean")


def _refuse(
    forecast: Forecast, bad: np.ndarray, parameter: np.ndarray, name: str, expected: str
) -> None:
    if bad.any():
        at = tuple(np.argwhere(bad)[0])
        raise DataError(
            f"{forecast.name} gives {forecast.tickers[at[1]]} a law with {name} {parameter[at]:g} "
            f"on {day(forecast.times[at[0]])}, {forecast.horizons[at[2]]} bars ahead "
            f"({int(bad.sum())} such numbers): expected {expected}. Repair the forecaster, or let "
            "it answer NaN where it has no forecast."
        )


def _require_answers(forecast: Forecast) -> None:
    silent = ~forecast.law.known.any(axis=(0, 1))
    if silent.any():
        horizon = forecast.horizons[int(silent.argmax())]
        raise DataError(
            f"{forecast.name} has no forecast at all {horizon} bars ahead: expected one "
            f"somewhere in {_bars(forecast.times)}. Give it more bars before "
            "the span, or leave it out."
        )


def _bars(times: np.ndarray) -> str:
    return (
        f"{len(times)} bars from {day(times[0])} to {day(times[-1])}" if len(times) else "no bars"
    )
