"""From decisions to policies: the bars of a tape, rules, several configurations, what is kept."""

import gc
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from backtest.markets import noise_forecast, random_walk

from forecasting.backtest.plan import make_plan
from forecasting.backtest.strategies.decisions import policy_of
from forecasting.backtest.strategies.scores import ranking_at
from forecasting.errors import DataError
from forecasting.evaluation.audit.future import changed_futures
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel


@pytest.fixture
def forecast() -> Forecast:
    return noise_forecast(random_walk(40, 8, seed=0), seed=1)


DECIDE = """
import numpy as np

def decide(forecast, positions, *, step: float = 0.1, prices):
    assert len(prices.times) == len(forecast.times)
    return positions + step * np.sign(np.nan_to_num(forecast.mean[-1, :, 0]))
"""


def test_a_file_may_decide_from_what_is_held(forecast: Forecast, tmp_path: Path) -> None:
    panel = random_walk(40, 8, seed=0)
    (tmp_path / "mine.py").write_text(DECIDE)
    plan = make_plan(forecast, str(tmp_path / "mine.py"), {}, 252.0, prices=panel)
    assert np.isnan(plan.weights).all()
    assert plan.parameters == {"step": 0.1, "rebalance_every": 5}
    policy, held = plan.policy(panel.times), np.full((1, 8), 0.5)
    np.testing.assert_allclose(
        policy.decide(5, held), 0.5 + 0.1 * np.sign(forecast.mean[5:6, :, 0])
    )
    assert policy.decide(6, held) is None


def test_a_tape_may_have_other_bars_but_not_lack_a_decision(forecast: Forecast) -> None:
    plan = make_plan(forecast, "long_short", {}, 252.0)
    longer = random_walk(60, 8, seed=0).times
    policy = plan.policy(longer)
    assert np.array_equal(policy.decide(5, np.zeros((1, 8))), plan.weights[5])
    assert policy.decide(45, np.zeros((1, 8))) is None
    late = plan.policy(longer, delay=2)
    assert late.decide(5, np.zeros((1, 8))) is None
    assert np.array_equal(late.decide(7, np.zeros((1, 8))), plan.weights[5])
    with pytest.raises(DataError, match="a bar that the prices do not have"):
        plan.policy(longer[6:])


TOGETHER = {
    "other bars": [
        {"rebalance_every": 3},
        {"rebalance_every": 4, "no_trade_band": 5.0},
        {"rebalance_every": 1, "horizon": 1},
    ],
    "stops": [
        {"rebalance_every": 2, "stop_quantile": 0.4, "horizon": 1},
        {"rebalance_every": 2, "stop_quantile": 0.3, "no_trade_band": 8},
        {"rebalance_every": 2},
    ],
}


@pytest.mark.parametrize("given", TOGETHER.values(), ids=TOGETHER)
def test_plans_together_are_each_plan_alone(forecast: Forecast, given: list[dict]) -> None:
    panel = random_walk(40, 8, seed=0)
    plans = [make_plan(forecast, "long_short", each, 252.0, cost=0.0005) for each in given]
    together, alone = policy_of(plans, panel.times), [plan.policy(panel.times) for plan in plans]
    held = np.zeros((3, 8))
    for bar in range(40):
        wanted = together.decide(bar, held)
        for c, policy in enumerate(alone):
            own = policy.decide(bar, held[c : c + 1])
            assert own is not None or wanted is None or np.isnan(wanted[c]).all()
            if own is not None:
                np.testing.assert_array_equal(np.broadcast_to(own, (1, 8))[0], wanted[c])
        if wanted is not None:
            held = np.where(np.isnan(wanted), held, wanted)
    assert held.any(axis=1).all()


def test_plans_of_other_forecasts_are_no_one_policy(forecast: Forecast) -> None:
    other = noise_forecast(random_walk(40, 8, seed=0), seed=2)
    plans = [make_plan(each, "long_short", {}, 252.0) for each in (forecast, other)]
    with pytest.raises(ValueError, match="from one forecast"):
        policy_of(plans, forecast.times)


@pytest.mark.parametrize("rule", [{"no_trade_band": 2.0}, {"stop_quantile": 0.3}])
def test_rules_do_not_see_what_is_later(rule: dict[str, float]) -> None:
    panel = random_walk(60, 5, seed=0)

    def orders(panel: Panel) -> np.ndarray:
        made = noise_forecast(panel, seed=1)
        plan = make_plan(made, "long_only", {**rule, "rebalance_every": 2}, 252.0, cost=0.0005)
        policy, held, path = plan.policy(panel.times), np.zeros((1, 5)), []
        for bar in range(len(panel.times)):
            wanted = policy.decide(bar, held)
            path.append(np.full(5, 9.0) if wanted is None else wanted.reshape(-1))
            if wanted is not None:
                held = np.where(np.isnan(wanted), held, wanted)
        return np.array(path)

    expected = orders(panel)
    free = make_plan(noise_forecast(panel, seed=1), "long_only", {"rebalance_every": 2}, 252.0)
    assert not np.array_equal(expected[free.decides], free.weights[free.decides])
    for after, _, changed in changed_futures(panel, (20, 41), seed=0):
        np.testing.assert_array_equal(orders(changed)[: after + 1], expected[: after + 1])


def test_a_hundred_plans_share_their_ranks() -> None:
    forecast = noise_forecast(random_walk(2_000, 20, seed=0), seed=1)
    started = time.perf_counter()
    for k in range(100):
        make_plan(forecast, "long_short", {"top_k": 1 + k % 10}, 252.0)
    assert time.perf_counter() - started < 2
    assert ranking_at(forecast, 5) is ranking_at(forecast, 5)
    assert not ranking_at(forecast, 5).place.flags.writeable


def test_what_is_remembered_dies_with_its_forecast() -> None:
    forecast = noise_forecast(random_walk(20, 4, seed=0), seed=1)
    make_plan(forecast, "horizon_ensemble", {}, 252.0)
    kept = weakref.ref(ranking_at(forecast, 1))
    del forecast
    gc.collect()
    assert kept() is None


def test_plans_with_a_stop_decide_on_the_same_bars(forecast: Forecast) -> None:
    given = [{"rebalance_every": 2, "stop_quantile": 0.1}, {"rebalance_every": 3}]
    plans = [make_plan(forecast, "long_short", each, 252.0) for each in given]
    with pytest.raises(ValueError, match="must decide on the same bars"):
        policy_of(plans, forecast.times)
