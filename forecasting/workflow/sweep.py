"""The verb `sweep`: a grid of configurations, on bars that the forecaster had not seen."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.prepare import prepare
from forecasting.backtest.sweep.result import Sweep
from forecasting.backtest.sweep.sweep import SweepProgress, trade
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.report import captions
from forecasting.training.trial_ledger import open_trial
from forecasting.workflow.arguments import require_bars, require_maker, terms_of
from forecasting.workflow.counting import identity, trial_sharpes
from forecasting.workflow.judged_span import JudgedSpan, judged_span
from forecasting.workflow.out_of_fold import out_of_fold
from forecasting.workflow.walk_forward.outcome import WalkForward


def sweep(
    model: NetworkForecaster | WalkForward | str | Path,
    prices: Panel,
    grid: Grid | Mapping[str, Any] | Sequence[str],
    *,
    strategy: str | Path | Callable[..., Any] = "long_short",
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    in_sample: bool = False,
    recipe: str | None = None,
    seed: int | str | None = None,
    track: bool = True,
    progress: SweepProgress | None = None,
    **settings: Any,
) -> Sweep:
    """Trade forecasts under every configuration of a grid; each counts as a look.

    All of them are counted before the first is scored. A sealed hold-out is never swept: what is
    chosen by looking at it is no longer judged by it.

    Args:
        model: As for `backtest`.
        prices: As for `backtest`.
        grid: Names and values, such as `{"top_k": [3, 5], "cost_bps": [0, 5]}` or
            `["top_k=3,5", "cost_bps=0:10:5"]`; see `Grid`.
        strategy: A name, the path of a Python file, or a function.
        tickers: Trade only these.
        start: First day of decisions; the first out-of-sample bar by default.
        end: Last day.
        in_sample: Trade a span that begins on bars which the model has seen, and say so loudly.
        recipe: Of a walk-forward: recipe, `chosen` or baseline; the first recipe by default.
        seed: Of a walk-forward: one of its seeds; the `ensemble` of all by default.
        track: Count the looks in the trial ledger.
        progress: Called when configurations are traded.
        settings: Those that do not vary, under the names that a grid gives them; the others are
            those of `backtest`.

    Raises:
        ConfigError: A setting is unknown, given twice, or does not fit; too many configurations; no
            such forecast in the walk-forward.
        DataError: The span has no forecast or begins in sample, or the prices do not suffice.
        ModelFileError: The walk-forward's folder is none, unfinished or damaged.
        SweepInterrupted: Ctrl-C while it traded.
    """
    require_maker(model)
    require_bars(prices, tickers, start, end)
    chosen = as_grid(grid)
    if twice := [name for name in settings if name in chosen.axes]:
        raise ConfigError(f"{twice[0]} is fixed and in the grid: expected one. Leave one out.")
    base = terms_of(strategy, settings)
    subject = _subject(
        model, prices, recipe=recipe, seed=seed, start=start, end=end, in_sample=in_sample
    )
    if progress is not None:
        progress("forecasts", 0, chosen.size)
    span, forecast = subject.span, subject.forecast()
    prepared = prepare(
        forecast.select(tickers) if tickers else forecast,
        span.prices,
        chosen,
        base,
        start=span.start,
        end=end,
    )
    with open_trial(
        "sweep",
        f"sweep {forecast.name} {base.name} {chosen}"[:250],
        [subject.known_by | base.changed(each).configuration() for each in chosen],
        span.prices,
        span.start,
        tickers=tickers,
        parent=subject.run_id,
        counted=track,
    ) as trial:
        try:
            made = trade(
                prepared,
                trial_sharpes=trial_sharpes(trial),
                notes=(span.audit, *span.notes, trial.sentence(), *base.notes()),
                progress=progress,
            )
        except KeyboardInterrupt as error:
            raise SweepInterrupted(chosen.size, counted=trial.others is not None) from error
        trial.log_sharpes(made.table["sharpe"].tolist())
        trial.log_scores(_scores(made))
    return made


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C in a sweep that has begun to trade; it says whether that counts."""

    def __init__(self, configurations: int, *, counted: bool) -> None:
        tried = captions.counted(configurations, "configuration")
        verb = "counts" if configurations == 1 else "count"
        super().__init__(
            f"interrupted: the {tried} of the sweep {verb} as tried, no result was kept."
            if counted
            else f"interrupted: the {tried} of the sweep were not counted, no result was kept."
        )


def as_grid(grid: object) -> Grid:
    """A grid of any form that a user may give.

    Raises:
        ConfigError: It is none, or an axis is an argument of the verb.
    """
    made = _grid(grid)
    arguments = [*inspect.signature(sweep).parameters]
    for axis in made.axes:
        if axis in arguments and axis not in ("strategy", "settings"):
            raise ConfigError(
                f"grid axis {axis}: it is an option of the verb and the same for all "
                f"configurations, no axis. Take it out of the grid and pass it by itself."
            )
    return made


def _grid(grid: object) -> Grid:
    if isinstance(grid, Grid):
        return grid
    if isinstance(grid, Mapping):
        return Grid.of(grid)
    texts = [grid] if isinstance(grid, str) else grid
    if isinstance(texts, Sequence) and all(isinstance(text, str) for text in texts):
        return Grid.parse(texts)
    raise ConfigError(
        f"grid = {str(grid)[:60]}: expected names and their values, such as "
        '{"top_k": [3, 5]} or ["top_k=3,5"]. Correct it.'
    )


@dataclass(frozen=True, eq=False)
class _Subject:
    """Whose forecasts are traded, on which bars, and how the ledger knows them."""

    span: JudgedSpan
    forecast: Callable[[], Forecast]
    known_by: dict[str, Any]
    run_id: str | None


def _subject(
    model: NetworkForecaster | WalkForward | str | Path,
    prices: Panel,
    *,
    recipe: str | None,
    seed: int | str | None,
    start: str | None,
    end: str | None,
    in_sample: bool,
) -> _Subject:
    if not isinstance(model, NetworkForecaster):
        if in_sample:
            raise ConfigError("a walk-forward has no bars in sample. Leave in_sample out.")
        found = out_of_fold(model, prices, recipe=recipe, seed=seed, start=start, end=end)
        return _Subject(found.span, lambda: found.forecast, found.configuration(), found.run_id)
    if recipe is not None or seed is not None:
        raise ConfigError(
            f"{model.name} is one model: expected neither recipe nor seed, which choose a forecast "
            "of a walk-forward. Leave them out."
        )
    span = judged_span(model, prices, start=start, end=end, in_sample=in_sample)
    run_id = model.files.metrics.get("mlflow_run_id")
    return _Subject(span, lambda: model.forecast(span.prices), identity(model), run_id)


def _scores(made: Sweep) -> dict[str, float]:
    """What the ledger keeps beside the Sharpe ratios: the best one, and what it is made of."""
    return {
        "sharpe": made.best_sharpe,
        "median_sharpe": made.median_sharpe,
        "configurations": float(made.grid.size),
        "bars": float(len(made.returns)),
        "bars_per_year": float(made.bars_per_year),
    }
