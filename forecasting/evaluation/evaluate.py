"""Judge a forecaster against the honest baselines, on the same bars, with the same tests."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecasting.errors import DataError
from forecasting.evaluation.baselines import EwmaT
from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.evaluation.baselines.registry import BASELINES, forecast_baselines
from forecasting.evaluation.calibration.calibrate import calibrate
from forecasting.evaluation.calibration.coverage import conformal_table
from forecasting.evaluation.comparison.breakdown import (
    Regimes,
    breakdown_note,
    breakdown_table,
    volatility_regimes,
)
from forecasting.evaluation.comparison.overall import overall_table
from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.scores.calibration import coverage_table, normality_table
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.evaluation.scores.direction import direction_table, up_rates
from forecasting.evaluation.scores.information_coefficient import decay_table
from forecasting.evaluation.scores.ranking import ranking_table
from forecasting.evaluation.scores.tails import tail_table
from forecasting.evaluation.scores.variance import variance_table
from forecasting.evaluation.tables import (
    conformal_cells,
    location_table,
    pit_table,
    reliability_table,
    score_table,
    verdict_table,
)
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.forecaster import Forecaster
from forecasting.forecast.significance import least_dates
from forecasting.market.panel import Panel, day, start_of
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences, make_sequences
from forecasting.market.survivorship import survivorship
from forecasting.market.symbols import require_tickers

MIN_TRAINING_ROWS = 500

Progress = Callable[[str], None]


def evaluate(
    model: Forecaster,
    prices: Panel,
    *,
    start: np.datetime64 | str,
    end: np.datetime64 | str | None = None,
    tickers: Sequence[str] | None = None,
    rivals: Sequence[Forecaster] = (),
    baselines: Sequence[type[Baseline]] = BASELINES,
    variant: str = "auto",
    decay: float = VOLATILITY_DECAY,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Fit the baselines on the bars before `start`, then score everything from `start` to `end`.

    Nothing after `end` is looked at, outcomes included; the baselines see no label that was not
    known at the last bar before `start`. The model and the `rivals` are taken as they are: whether
    they were trained on bars inside the span is for the caller to know.

    Args:
        model: The forecaster to judge.
        prices: Prices from before `start`, on which the baselines are fitted, to `end`.
        start: First origin that is scored.
        end: Last bar; None for the last one there is.
        tickers: Score only these; the others still are their market, and what is fitted on.
        rivals: Further forecasters to compare with, beyond the baselines.
        baselines: Which ones to fit; EWMA-t, the reference, among them.
        variant: Feature variant of the baselines; `auto` as in `resolve_variant`.
        decay: Weight of the past in the baselines' EWMA volatility.
        notes: What the caller has to say, put before everything else that is noted.
        progress: Called with a few words before each step that takes time.

    Raises:
        DataError: Too few bars before `start`, no common cells from there on, a rival without the
            model's horizons, an unknown ticker, or two forecasters of the same name.
    """
    say = progress or (lambda _: None)
    names = [model.name, *(rival.name for rival in rivals), *(kind.name for kind in baselines)]
    _require_distinct(names)
    require_tickers(tickers or (), prices.tickers, prices.source)
    start = pd.Timestamp(start).to_datetime64()
    prices = prices.between(None, end)
    first = start_of(prices.times, start)
    _require_start(prices, first, start)
    say("features and targets")
    sequences = make_sequences(prices, variant=variant, horizons=model.horizons, decay=decay)
    rows = sequences.label_end.max(axis=1) < first
    _require_training(sequences, rows, start)
    forecasts = []
    for forecaster in (model, *rivals):
        say(f"forecasts of {forecaster.name}")
        forecast = _aligned(forecaster, prices, model.horizons)
        forecasts.append(forecast.between(start))
    forecasts += forecast_baselines(
        sequences, rows, start, decay=decay, progress=say, kinds=baselines
    )
    say("scores and tests")
    span = prices.between(start)
    before = prices.at(slice(0, first))
    cells, gaps = common_cells(span, forecasts, tickers, training=before)
    regimes = volatility_regimes(sequences.to_grid(sequences.volatility), first)
    universe = () if span.member is None else (survivorship(span),)
    said = (*notes, *universe, _protocol(prices.times, first), *gaps)
    calibrated = calibrate(forecasts[0], prices)
    bands = conformal_cells(cells, model.name, calibrated)
    return _conclude(
        span,
        cells,
        forecasts,
        len(rivals),
        said,
        regimes=regimes,
        base_rates=up_rates(before, model.horizons),
        conformal=conformal_table(bands, (model.name, calibrated.name), span.times),
    )


def _require_start(prices: Panel, first: int, start: np.datetime64) -> None:
    if first >= len(prices.times):
        raise DataError(
            f"no bars from {day(start)} on: prices end {day(prices.times[-1])}. "
            "Pass an earlier --start."
        )


def _require_training(sequences: Sequences, rows: np.ndarray, start: np.datetime64) -> None:
    if rows.sum() < MIN_TRAINING_ROWS:
        raise DataError(
            f"prices start {day(sequences.panel.times[0])}; the baselines need bars to fit on: "
            f"expected {MIN_TRAINING_ROWS} (ticker, bar) rows with features and known outcomes "
            f"before {day(start)}, got {int(rows.sum())}. Pass a later --start."
        )


def _require_distinct(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"two forecasters are called {name!r}: expected distinct names. Rename one."
            )


def _aligned(forecaster: Forecaster, prices: Panel, horizons: tuple[int, ...]) -> Forecast:
    """The forecaster's answer at these horizons only, under its name.

    Raises:
        DataError: A horizon is missing.
        ValueError: The forecast is not of the bars and tickers of the prices.
    """
    forecast = forecaster.forecast(prices)
    if not np.array_equal(forecast.times, prices.times) or forecast.tickers != prices.tickers:
        raise ValueError(f"the forecast of {forecaster.name} is not of the bars that it was given")
    if not set(horizons) <= set(forecast.horizons):
        raise DataError(
            f"{forecaster.name} forecasts {list(forecast.horizons)} bars ahead: expected "
            f"{list(horizons)} as the model. Compare models of the same horizons."
        )
    at = [forecast.horizons.index(h) for h in horizons]
    return replace(forecast, name=forecaster.name, horizons=horizons, law=forecast.law[:, :, at])


def _conclude(
    span: Panel,
    cells: list[Cells],
    forecasts: list[Forecast],
    n_others: int,
    notes: tuple[str, ...],
    *,
    regimes: Regimes,
    base_rates: dict[int, float],
    conformal: pd.DataFrame,
) -> Evaluation:
    """All tables; `forecasts` are the model's, those of `n_others` rivals, and the baselines'."""
    names = [forecast.name for forecast in forecasts]
    model, rivals, baselines = names[0], names[1:], names[1 + n_others :]
    verdicts, location = verdict_table(cells, model, rivals), location_table(cells, model)
    breakdown = breakdown_table(
        cells, model, baselines, EwmaT.name, span.times, span.tickers, regimes
    )
    dates = np.unique(np.concatenate([part.date for part in cells]))
    tickers = np.unique(np.concatenate([part.ticker for part in cells]))
    untested = [part for part in cells if part.n_dates < least_dates(part.horizon)]
    return Evaluation(
        model=model,
        horizons=forecasts[0].horizons,
        tickers=tuple(span.tickers[k] for k in tickers),
        start=span.times[dates[0]],
        end=span.times[dates[-1]],
        n_dates=len(dates),
        scores=score_table(cells, names, EwmaT.name),
        verdicts=verdicts,
        overall=overall_table(cells, model, baselines, rivals[:n_others]),
        breakdown=breakdown,
        location=location,
        pit=pit_table(cells, model),
        coverage=coverage_table(cells, names),
        calibration=normality_table(cells, names),
        conformal=conformal,
        direction=direction_table(cells, names, base_rates),
        reliability=reliability_table(cells, model),
        tails=tail_table(cells, names),
        variance=variance_table(cells, names),
        ranking=ranking_table(cells, names, span.bars_per_year),
        decay=decay_table(cells, (model,)),
        notes=(
            *notes,
            *(_too_few(part) for part in untested),
            _luck(int(verdicts["p"].notna().sum() + location["p"].notna().sum())),
            breakdown_note(breakdown, regimes),
            *(note for forecast in forecasts for note in forecast.notes),
        ),
    )


def _protocol(times: np.ndarray, first: int) -> str:
    return (
        f"Protocol: fitted once, tested forward. The baselines are fitted on labels known by "
        f"{day(times[first - 1])}, never refitted, and scored from {day(times[first])} on the same "
        "(ticker, bar, horizon) cells as the model."
    )


def _too_few(cells: Cells) -> str:
    return (
        f"No test at {cells.horizon} bars ahead: {cells.n_dates} dates, expected at least "
        f"{least_dates(cells.horizon)}."
    )


def _luck(tests: int) -> str:
    return (
        f"{tests} verdicts at two-sided 5 %: about 2.5 % of them ({0.025 * tests:.1f}) would say "
        "BEATS by luck alone."
    )
