"""The rules on the real engine: less turnover, losses cut, and nothing seen that is later."""

from dataclasses import fields

import numpy as np
import pytest
from backtest.markets import noise_forecast, random_walk

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import make_plan
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.evaluation.audit.future import changed_futures
from forecasting.market.panel import Panel

COST = 0.0008


def leaning(forecast, positions: np.ndarray, *, step: float = 0.05) -> np.ndarray:
    """A decision function: a step towards the side of the forecast."""
    return 0.8 * positions + step * np.sign(np.nan_to_num(forecast.mean[-1, :, 0]))


def traded(panel: Panel, strategy="long_only", **parameters: float) -> Ledger:
    costs = Costs()
    tape = make_tape(panel, Execution.NEXT_OPEN, costs)
    forecast = noise_forecast(panel, seed=1)
    given = {"rebalance_every": 2, **parameters}
    plan = make_plan(forecast, strategy, given, 252.0, prices=panel, cost=COST)
    return simulate(tape, plan.policy(tape.times), costs, AccountTerms())


@pytest.mark.parametrize(
    ("strategy", "rule"),
    [
        ("long_only", {"no_trade_band": 20.0}),
        ("long_short", {"stop_quantile": 0.3}),
        ("long_short", {"stop_quantile": 0.3, "no_trade_band": 20.0}),
        (leaning, {}),
        (leaning, {"stop_quantile": 0.3}),
    ],
)
def test_no_order_sees_what_is_later(strategy, rule: dict[str, float]) -> None:
    panel = random_walk(60, 5, seed=0)
    usual = traded(panel, strategy, **rule)
    assert usual.traded.sum() > 0
    for after, kind, changed in changed_futures(panel, (20, 41), seed=0):
        other = traded(changed, strategy, **rule)
        for field in fields(Ledger):
            before, now = getattr(usual, field.name), getattr(other, field.name)
            if isinstance(before, np.ndarray) and field.name != "times":
                assert np.array_equal(before[: after + 1], now[: after + 1]), (field.name, kind)


def test_a_band_trades_less() -> None:
    panel = random_walk(200, 5, seed=0)
    turnover = [
        traded(panel, "long_only", **({"no_trade_band": gamma} if gamma else {})).traded.sum()
        for gamma in (0, 50.0, 15.0, 8.0)
    ]
    assert turnover == sorted(turnover, reverse=True)
    assert turnover[-1] < 0.8 * turnover[0]


def test_a_stop_sells_between_decisions() -> None:
    panel = random_walk(200, 5, seed=0)
    every = {"rebalance_every": 20}
    plain, stopped = traded(panel, **every), traded(panel, **every, stop_quantile=0.3)
    between = np.arange(200) % 20 != 1
    assert plain.traded[between].sum() == 0
    assert stopped.traded[between].sum() > 0
    assert stopped.gross.mean() < plain.gross.mean()
