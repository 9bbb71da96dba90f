"""A sweep before it is traded: every setting checked, nothing scored yet."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import Plan, plan_for
from forecasting.backtest.strategies.parameters import RULES, hint
from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.sweep.batches import tape_key
from forecasting.backtest.sweep.configuration import ACCOUNT, COSTS, WHOLE, Configuration
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.tape.tape import Tape
from forecasting.backtest.traded_span import TradedSpan
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel

MOST_CELLS = 60_000_000
"""Returns (bar, configuration) of a sweep: half a gibibyte, among which luck is looked for."""


@dataclass(frozen=True, eq=False)
class PreparedSweep:
    """Configurations that can be traded.

    Attributes:
        grid: The settings that vary.
        base: All other settings.
        span: Forecasts and prices.
        configurations: One a combination, in the order of the grid.
        tapes: What they trade on, by `tape_key`.
    """

    grid: Grid
    base: Configuration
    span: TradedSpan
    configurations: tuple[Configuration, ...]
    tapes: dict[Hashable, Tape]


def prepare(
    forecast: Forecast,
    prices: Panel,
    grid: Grid,
    base: Configuration,
    *,
    start: str | np.datetime64 | None = None,
    end: str | np.datetime64 | None = None,
) -> PreparedSweep:
    """Refuse a grid before anything is scored, as far as its axes can tell.

    Args: as `sweep`.

    Raises:
        ConfigError: An unknown setting, a value that does not fit, or too many configurations.
        DataError: Prices and forecast do not belong together, the span has too few bars, or the
            prices do not have what an execution or a model of the spread needs.
    """
    span = TradedSpan.of(forecast, prices, start, end)
    most = MOST_CELLS // (len(span.panel.times) - 1)
    if grid.size > most:
        raise ConfigError(
            f"the grid has {grid.size:,} configurations of {len(span.panel.times):,} bars: "
            f"expected at most {most:,} of them. Leave values out, or take a shorter span."
        )
    _check_names(grid, base)
    configurations = tuple(base.changed(settings) for settings in grid)
    _check_values(span, grid, base)
    return PreparedSweep(grid, base, span, configurations, _tapes(span, configurations))


def plan_of(span: TradedSpan, configuration: Configuration) -> Plan:
    """What a configuration wants on the bars of a span.

    Raises:
        ConfigError: The strategy or a parameter does not fit.
    """
    chosen = configuration.strategy
    return plan_for(
        span,
        chosen if callable(chosen) else str(chosen),
        configuration.parameters,
        configuration.costs,
    )


def _tapes(span: TradedSpan, configurations: tuple[Configuration, ...]) -> dict[Hashable, Tape]:
    tapes: dict[Hashable, Tape] = {}
    for each in configurations:
        if (key := tape_key(each)) not in tapes:
            tapes[key] = span.tape(Execution.choose(span.panel, each.execution), each.costs)
    return tapes


def _check_names(grid: Grid, base: Configuration) -> None:
    """Refuse an axis that a strategy of the grid does not know; own files are asked later."""
    settings = [*COSTS, *ACCOUNT, *WHOLE]
    for strategy in grid.axes.get("strategy", (base.name,)):
        known = STRATEGIES.get(strategy)
        if known is None or known.takes_any:
            continue
        names = [*known.parameters, *RULES, *settings]
        for axis in grid.axes:
            if axis not in names:
                near = hint(axis, names)
                raise ConfigError(f"grid axis {axis!r} is no setting of {strategy}: {near}")


def _check_values(span: TradedSpan, grid: Grid, base: Configuration) -> None:
    """Make the plans of the ends of each axis, one axis at a time."""
    for strategy in grid.axes.get("strategy", (base.strategy,)):
        first = {name: values[0] for name, values in grid.axes.items()} | {"strategy": strategy}
        corner = {k: v for k, v in first.items() if k != "strategy" or k in grid.axes}
        plan_of(span, base.changed(corner))
        for name, values in grid.axes.items():
            if name in COSTS or name in ACCOUNT or name in WHOLE:
                continue
            for value in _ends(values):
                plan_of(span, base.changed(corner | {name: value}))


def _ends(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The least and the largest number, and all that is no number."""
    numbers = [each for each in values if isinstance(each, int | float)]
    ends = dict.fromkeys((min(numbers), max(numbers))) if numbers else {}
    return (*ends, *(each for each in values if not isinstance(each, int | float)))
