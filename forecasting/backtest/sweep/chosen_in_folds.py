"""Parameters chosen inside folds: each fold is traded with what did best before it began."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecasting.backtest.book import Backtest
from forecasting.backtest.execution import Execution
from forecasting.backtest.judge import benchmark_plans, judge
from forecasting.backtest.statistics.performance import LEAST_BARS, sharpe
from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.sweep.configuration import ACCOUNT, COSTS, Configuration
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.plan_in_folds import PlanInFolds
from forecasting.backtest.sweep.prepare import plan_of, prepare
from forecasting.backtest.sweep.sweep import SweepProgress, trade
from forecasting.errors import ConfigError, DataError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel, day


@dataclass(frozen=True)
class Choice:
    """What a fold is traded with.

    Attributes:
        bar: First bar of the fold, counted from the first that is traded.
        row: Row of the grid; None for the settings that are not chosen, where nothing is known yet.
    """

    bar: int
    row: int | None


def choose(
    returns: Float[np.ndarray, "bar configuration"], first_bars: Sequence[int]
) -> tuple[Choice, ...]:
    """For each fold the configuration of highest Sharpe ratio up to the close before its start.

    With fewer than `LEAST_BARS` returns by then, or where nothing traded, nothing is chosen. The
    first of equals is taken.

    Args:
        returns: Net, each over the bar that it is a row of and the next one; row t is known at the
            close of bar t + 1.
        first_bars: Of each fold.
    """
    choices = []
    for bar in first_bars:
        known = returns[: max(bar - 1, 0)]
        sharpes = sharpe(known, 1) if len(known) >= LEAST_BARS else np.full(1, np.nan)
        found = np.isfinite(sharpes).any()
        choices.append(Choice(bar, int(np.nanargmax(sharpes)) if found else None))
    return tuple(choices)


def chosen_in_folds(
    forecast: Forecast,
    prices: Panel,
    grid: Grid,
    fold_starts: Sequence[np.datetime64],
    *,
    base: Configuration | None = None,
    start: str | np.datetime64 | None = None,
    end: str | np.datetime64 | None = None,
    trial_sharpes: Sequence[float] | None = None,
    n_random: int = 200,
    notes: Sequence[str] = (),
    progress: SweepProgress | None = None,
) -> Backtest:
    """Trade out-of-fold forecasts, each fold with the parameters that were best before it.

    Best is the highest net Sharpe ratio of a configuration's own account, from the first bar to the
    close before the fold. The first fold is traded with `base`. All folds are one account: whoever
    changes parameters pays for the change of holdings.

    Args:
        forecast: Out of fold.
        prices: The panel that was forecast.
        grid: Parameters of the strategy, and `strategy`.
        fold_starts: First bar of each fold, ascending.
        base: Settings that are not chosen, and those of the first fold.
        start: As of `backtest`.
        end: As of `backtest`.
        trial_sharpes: As of `backtest`; the choices inside are none, as they saw no later bar.
        n_random: As of `backtest`.
        notes: As of `backtest`.
        progress: Called when configurations are traded.

    Raises:
        ConfigError: A setting is unknown, does not fit, or is none to choose from results.
        DataError: As `sweep`, or no fold begins in the span.
    """
    own = base or Configuration()
    require_choosable(grid, own)
    prepared = prepare(forecast, prices, grid, own, start=start, end=end)
    span = prepared.span
    choices = choose(
        trade(prepared, progress=progress).returns, _first_bars(fold_starts, span.panel.times)
    )
    turns = [c for k, c in enumerate(choices) if k == 0 or c.row != choices[k - 1].row]
    traded = [own if c.row is None else prepared.configurations[c.row] for c in turns]
    times = span.panel.times
    plan = PlanInFolds.of(
        f"{own.name} chosen in folds",
        [plan_of(span, each) for each in traded],
        [times[c.bar] for c in turns],
        [_in_words(grid, c) for c in turns],
    )
    return judge(
        span,
        [plan, *benchmark_plans(span, plan.name, own.parameters, own.costs)],
        costs=own.costs,
        account=own.account,
        execution=Execution.choose(span.panel, own.execution),
        trial_sharpes=trial_sharpes,
        n_random=n_random,
        notes=(*notes, _said(grid, choices, times)),
    )


def require_choosable(grid: Grid, base: Configuration) -> None:
    """Refuse an axis that results before a fold cannot choose.

    Raises:
        ConfigError: It is a cost, a term or the timing, or a strategy that decides once.
    """
    for axis in grid.axes:
        if axis in COSTS or axis in ACCOUNT or axis in ("execution", "delay"):
            raise ConfigError(
                f"grid axis {axis}: one account has one value of it, and no result says which. "
                "Choose among parameters of the strategy; set it for all of them."
            )
    for name in grid.axes.get("strategy", (base.name,)):
        if name in STRATEGIES and STRATEGIES[name].buys_once:
            raise ConfigError(
                f"{name} decides once: it cannot take over a later fold. Leave it out."
            )
    if base.delay:
        raise ConfigError(f"delay = {base.delay}: expected 0 where parameters are chosen in folds.")


def _first_bars(fold_starts: Sequence[np.datetime64], times: np.ndarray) -> list[int]:
    """Where the folds begin that are traded; the one that is under way at first begins there."""
    rows = np.searchsorted(times, np.array(fold_starts, dtype=times.dtype))
    inside = sorted({0, *(int(row) for row in rows if row < len(times))})
    if not len(fold_starts) or times[-1] < np.min(np.array(fold_starts, dtype=times.dtype)):
        raise DataError(
            f"no fold begins from {day(times[0])} to {day(times[-1])}: expected the folds of the "
            "forecast. Pass those."
        )
    return inside


def _in_words(grid: Grid, choice: Choice) -> str:
    if choice.row is None:
        return "as given"
    settings = list(grid)[choice.row]
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _said(grid: Grid, choices: Sequence[Choice], times: np.ndarray) -> str:
    each = "; ".join(f"{day(times[choice.bar])} {_in_words(grid, choice)}" for choice in choices)
    return (
        f"Chosen inside folds, among {grid.size:,} configurations by net Sharpe up to the close "
        f"before each: {each}."
    )
