"""From a `Forecast` to a judged strategy: costed equity, benchmarks on the same bars, verdicts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.book import Backtest
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.judge import benchmark_plans, judge
from forecasting.backtest.plan import plan_for
from forecasting.backtest.strategies.registry import BENCHMARKS
from forecasting.backtest.traded_span import TradedSpan
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel, day


def backtest(
    forecast: Forecast,
    prices: Panel,
    *,
    strategy: str | Callable[..., Any] = "long_short",
    costs: Costs | None = None,
    account: AccountTerms | None = None,
    start: str | np.datetime64 | None = None,
    end: str | np.datetime64 | None = None,
    execution: str = "auto",
    parameters: Mapping[str, Any] | None = None,
    trial_sharpes: Sequence[float] | None = None,
    n_random: int = 200,
    notes: Sequence[str] = (),
) -> Backtest:
    """Trade a forecast with costs and compare the result with cash and the simplest portfolios.

    The span runs from the first to the last bar between `start` and `end` that has a forecast. The
    benchmarks hold the same tickers, start on the same bar, trade at the same rhythm, fill at the
    same prices and pay the same costs.

    Where the prices have a universe, only forecasts of its members count, and what has left it is
    sold at the next fill.

    Args:
        forecast: Made by any `Forecaster`; its tickers and times must be in `prices`.
        prices: The panel that was forecast.
        strategy: A name in `STRATEGIES`, the path of a Python file, or a function (see `Strategy`).
        costs: What a trade costs.
        account: Capital, interest, borrow fee, limits.
        start: First day on which a decision may be made.
        end: Last day that is counted.
        execution: `next_open`, `next_close`, or `auto` for the next open if there are opens.
        parameters: The strategy's parameters by name, and those that every strategy has: see
            `make_plan`.
        trial_sharpes: Annual Sharpe ratios of other configurations tried on these bars, NaN for one
            without a result; None if they were not counted.
        n_random: Random strategies to place it among; 0 for none.
        notes: What else a reader has to know, such as an overlap with the training data.

    Raises:
        ConfigError: An unknown strategy, parameter or execution, or a value that does not fit.
        DataError: Prices and forecast do not belong together, or the span has too few bars.
    """
    costs, account = costs or Costs(), account or AccountTerms()
    given = {**(parameters or {})}
    _require_own_name(strategy)
    span = TradedSpan.of(forecast, prices, start, end)
    own = plan_for(span, strategy, given, costs)
    return judge(
        span,
        [own, *benchmark_plans(span, strategy, given, costs)],
        costs=costs,
        account=account,
        execution=Execution.choose(span.panel, execution),
        trial_sharpes=trial_sharpes,
        n_random=n_random,
        notes=(*notes, *_uncovered(span.panel, prices, start, end)),
    )


def _require_own_name(strategy: str | Callable[..., Any]) -> None:
    if callable(strategy) and (name := getattr(strategy, "__name__", "")) in BENCHMARKS:
        raise ConfigError(
            f"a function called {name}, as a benchmark beside it: expected a name of its own, none "
            f"of {', '.join(BENCHMARKS)}. Rename it."
        )


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
