"""On a market without memory nothing is earned: not by any strategy, and not by coming late."""

import numpy as np
import pytest
from backtest.markets import noise_forecast, random_walk

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import plan_for
from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.traded_span import TradedSpan

COSTS = Costs(10, 0)
# Interest and fees are costs too; without them the price moves stand alone.
TERMS = AccountTerms(1.0, borrow_fee=0, financing_rate=0)
SEEDS, WARM_UP, BARS = 60, 260, 400
CHEAP = [name for name, strategy in STRATEGIES.items() if strategy.extra is None]


def trade(strategy: str, seed: int, delay: int = 0) -> Ledger:
    """A strategy on forecasts that know nothing of prices that have no memory."""
    panel = random_walk(BARS, 6, seed)
    span = TradedSpan.of(noise_forecast(panel, seed + 1000), panel, panel.times[WARM_UP])
    parameters = {"bars_per_year": 252.0} if strategy == "volatility_target" else {}
    plan = plan_for(span, strategy, parameters, COSTS)
    tape = span.tape(Execution.NEXT_OPEN, COSTS)
    return simulate(tape, plan.policy(tape.times, delay=delay), COSTS, TERMS)


@pytest.mark.parametrize("strategy", CHEAP)
def test_nobody_earns_more_than_minus_the_costs(strategy: str) -> None:
    ledgers = [trade(strategy, seed) for seed in range(SEEDS)]
    before_costs = [float(each.equity[-1] - 1 + each.costs.sum()) for each in ledgers]
    error = np.std(before_costs) / np.sqrt(SEEDS)
    assert abs(np.mean(before_costs)) < 3 * error
    assert all(each.costs.sum() > 0 for each in ledgers)


@pytest.mark.parametrize("strategy", ["long_short", "kelly", "reversal"])
def test_coming_a_bar_late_gains_nothing(strategy: str) -> None:
    gained = [
        float(trade(strategy, seed, delay=1).equity[-1] - trade(strategy, seed).equity[-1])
        for seed in range(SEEDS)
    ]
    assert abs(np.mean(gained)) < 3 * np.std(gained) / np.sqrt(SEEDS)
