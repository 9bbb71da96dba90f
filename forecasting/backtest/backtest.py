"""From a `Forecast` to a judged strategy: costed equity, benchmarks on the same bars, verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from forecasting.backtest.book import Backtest, Comparison
from forecasting.backtest.costs import Costs
from forecasting.backtest.engine import Ledger, simulate
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import Plan, make_plan
from forecasting.backtest.strategies import BENCHMARKS
from forecasting.errors import DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.significance import MeanTest, least_dates, mean_test, verdict
from forecasting.market.membership import of_members
from forecasting.market.panel import Panel, day
from forecasting.market.survivorship import survivorship

MIN_BARS = 4


def backtest(
    forecast: Forecast,
    prices: Panel,
    *,
    strategy: str = "long_short",
    cost_bps: float | int = 5.0,
    slippage_bps: float | int = 3.0,
    start: str | np.datetime64 | None = None,
    end: str | np.datetime64 | None = None,
    execution: str = "auto",
    parameters: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Backtest:
    """Trade a forecast with costs and compare the result with cash, buy and hold and equal weight.

    The span runs from the first to the last bar between `start` and `end` that has a forecast. The
    benchmarks hold the same tickers, start on the same bar, trade at the same rhythm, fill at the
    same prices and pay the same costs.

    Where the prices have a universe, only forecasts of its members count, and what has left it is
    sold at the next fill.

    Args:
        forecast: Made by any `Forecaster`; its tickers and times must be in `prices`.
        prices: The panel that was forecast.
        strategy: A name in `STRATEGIES`, or the path of a Python file (see `user_strategy`).
        cost_bps: Commission, bps of traded notional.
        slippage_bps: Slippage, bps of traded notional.
        start: First day on which a decision may be made.
        end: Last day that is counted.
        execution: `next_open`, `next_close`, or `auto` for the next open if there are opens.
        parameters: The strategy's parameters by name, and `rebalance_every`.
        notes: What else a reader has to know, such as an overlap with the training data.

    Raises:
        ConfigError: An unknown strategy, parameter or execution, or a value that does not fit.
        DataError: Prices and forecast do not belong together, or the span has too few bars.
    """
    costs = Costs(cost_bps, slippage_bps)
    panel, forecast = _align(forecast, prices, start, end)
    how = Execution.choose(panel, execution)
    chosen = {**(parameters or {})}
    # Decisions may use the calendar up to the first of them only.
    rate = prices.between(None, forecast.times[0]).bars_per_year
    count = len(panel.tickers) if panel.member is None else int(forecast.mask[0].sum())
    plan = make_plan(forecast, strategy, chosen, rate, count)
    rhythm = {name: chosen[name] for name in ("rebalance_every",) if name in chosen}
    plans = [plan] + [
        make_plan(forecast, name, rhythm, rate, count) for name in BENCHMARKS if name != strategy
    ]
    ledgers = {each.strategy: _simulate(panel, forecast, each, costs, how) for each in plans}
    return Backtest(
        forecaster=forecast.name,
        plan=plan,
        ledgers=ledgers,
        bars_per_year=prices.bars_per_year,
        execution=how,
        costs=costs,
        comparisons=_compare(ledgers, prices.bars_per_year),
        notes=(
            survivorship(panel),
            *notes,
            *_uncovered(panel, prices, start, end),
            *forecast.notes,
            *_events(plans, ledgers),
        ),
    )


def _align(
    forecast: Forecast,
    prices: Panel,
    start: str | np.datetime64 | None,
    end: str | np.datetime64 | None,
) -> tuple[Panel, Forecast]:
    """Prices and forecast of the span: the same tickers, every forecast bar among the prices."""
    panel = prices.select(forecast.tickers)
    inside = forecast.between(start, end)
    rows = np.flatnonzero(inside.mask.any(axis=1))
    if not len(rows):
        have = forecast.times[forecast.mask.any(axis=1)]
        span = f"{day(have[0])} to {day(have[-1])}" if len(have) else "no bar at all"
        raise DataError(
            f"no forecast of {forecast.name} from {_day(start) or 'the first bar'} to "
            f"{_day(end) or 'the last'}: it covers {span}. Choose dates inside."
        )
    first, last = inside.times[rows[0]], inside.times[rows[-1]]
    panel, inside = panel.between(first, last), inside.between(first, last)
    if not np.isin(inside.times[inside.mask.any(axis=1)], panel.times).all():
        raise DataError(
            f"{forecast.name} forecast bars that {prices.source} does not have: expected the "
            "prices that were forecast. Pass the same panel."
        )
    if len(panel.times) < MIN_BARS:
        raise DataError(
            f"only {len(panel.times)} bars from {day(first)} to {day(last)}: expected at least "
            f"{MIN_BARS} to decide, trade and judge. Choose a longer span."
        )
    return panel, _of_members(inside, panel)


def _of_members(forecast: Forecast, panel: Panel) -> Forecast:
    """The forecasts of the universe's members at their bars."""
    if panel.member is None:
        return forecast
    rows = np.minimum(np.searchsorted(panel.times, forecast.times), len(panel.times) - 1)
    member = panel.member[rows]
    return replace(forecast, law=forecast.law.map(lambda values: of_members(values, member)))


def _day(time: str | np.datetime64 | None) -> str | None:
    return None if time is None else str(time)[:10]


def _simulate(
    panel: Panel, forecast: Forecast, plan: Plan, costs: Costs, execution: Execution
) -> Ledger:
    """Put the plan's decisions on the bars of the prices and trade them."""
    decided = np.flatnonzero(plan.decides)
    rows = np.searchsorted(panel.times, forecast.times[decided])
    weights = np.zeros(panel.mask.shape)
    decides = np.zeros(len(panel.times), dtype=bool)
    weights[rows], decides[rows] = plan.weights[decided], True
    return simulate(panel, weights, costs=costs, execution=execution, decides=decides)


def _compare(ledgers: dict[str, Ledger], bars_per_year: float) -> tuple[Comparison, ...]:
    (_, own), *others = ledgers.items()
    differences = {"cash": own.returns}
    differences |= {name: own.returns - other.returns for name, other in others}
    tests = {name: _test(values) for name, values in differences.items()}
    return tuple(
        Comparison(name, test.mean * bars_per_year, test, verdict(test))
        for name, test in tests.items()
    )


def _test(differences: np.ndarray) -> MeanTest:
    """The test of a mean, without t and p where there are too few bars for one."""
    if len(differences) < least_dates(1):
        return MeanTest(float(differences.mean()), math.nan, math.nan, len(differences))
    return mean_test(differences)


def _uncovered(
    panel: Panel,
    prices: Panel,
    start: str | np.datetime64 | None,
    end: str | np.datetime64 | None,
) -> list[str]:
    """What was asked for and has prices, but no forecast."""
    asked = prices.between(start, end).times
    first, last = panel.times[0], panel.times[-1]
    notes = []
    if start is not None and asked[0] < first:
        notes.append(f"Begins on {day(first)}: no forecast from {day(asked[0])} until then.")
    if end is not None and asked[-1] > last:
        notes.append(f"Ends on {day(last)}: no forecast from then until {day(asked[-1])}.")
    return notes


def _events(plans: list[Plan], ledgers: dict[str, Ledger]) -> list[str]:
    """What each plan and its account have to tell."""
    notes: list[str] = []
    for plan in plans:
        ledger = ledgers[plan.strategy]
        notes += plan.notes
        if ledger.late_orders:
            notes.append(
                f"{plan.strategy}: {ledger.late_orders} orders found no price on their bar and "
                "waited for the next one."
            )
        if ledger.stale_marks:
            notes.append(
                f"{plan.strategy}: a holding without a bar was marked at its last known price "
                f"{ledger.stale_marks} times."
            )
        if ledger.exits:
            held = "holding" if ledger.exits == 1 else "holdings"
            notes.append(
                f"{plan.strategy}: {ledger.exits} {held} left the universe; the sale was ordered "
                "for the next bar with a price."
            )
        notes += [f"{plan.strategy}: {note}" for note in ledger.notes]
    return notes
