"""The quantile stop: entries, stops between decisions, and when a side is free again."""

import numpy as np
import pytest

from forecasting.backtest.accounting.policy import Policy, Targets
from forecasting.backtest.strategies.rules.quantile_stop import QuantileStop

N = 40
NAN = np.nan


def stop(
    targets: list[float],
    returns: list[float],
    *,
    every: int = 1,
    horizon: int = 3,
    limit: float = 0.05,
) -> QuantileStop:
    """One ticker, decisions each `every` bars, quantiles of plus and minus `limit`."""
    decides = np.arange(len(targets)) % every == 0
    limits = np.full((len(targets), 1), limit)
    return QuantileStop(
        Targets(np.array(targets)[:, None], decides),
        log_price=np.cumsum(returns)[:, None],
        lower=-limits,
        upper=limits,
        horizon=np.array([horizon]),
    )


def traded(policy: Policy, n_bars: int) -> list[float]:
    """Weights held after each bar's decision by an account that fills at once, without drift."""
    held, path = np.zeros((1, 1)), []
    for bar in range(n_bars):
        wanted = policy.decide(bar, held)
        held = held if wanted is None else np.where(np.isnan(wanted), held, wanted)
        path.append(float(held[0, 0]))
    return path


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_loss_beyond_the_quantile_is_sold_for_as_long_as_the_horizon(side: float) -> None:
    returns = [0, -0.02, -0.04, 0.01, 0.01, 0.01, 0.01, 0.01]
    policy = stop([0.5 * side] * 8, [side * each for each in returns])
    expected = [0.5, 0.5, 0, 0, 0, 0.5, 0.5, 0.5]
    assert traded(policy, 8) == [side * each for each in expected]


def test_it_acts_between_decisions() -> None:
    policy = stop([0.5] * 8, [0, -0.02, -0.04, 0, 0, 0, 0, 0], every=6, horizon=1)
    assert traded(policy, 8) == [0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]


@pytest.mark.parametrize("between", [0.0, -0.5])
def test_a_side_is_free_once_its_target_left_it(between: float) -> None:
    targets = [0.5, 0.5, 0.5, between, 0.5, 0.5]
    policy = stop(targets, [0, -0.06, 0, 0, 0, 0], horizon=9)
    assert traded(policy, 6) == [0.5, 0, 0, between, 0.5, 0.5]


def test_the_limit_is_that_of_the_entry() -> None:
    policy = stop([0.5] * 6, [0, -0.02, -0.02, 0, 0, 0], horizon=9)
    policy.lower[1:] = -0.001
    assert traded(policy, 6) == [0.5] * 6
    policy.lower[:] = -0.03
    assert traded(policy, 6) == [0.5, 0.5, 0, 0, 0, 0]


def test_a_new_side_is_a_new_entry() -> None:
    policy = stop([0.5, 0.5, -0.5, -0.5, -0.5], [0, -0.04, 0, 0.04, 0.02], horizon=9)
    assert traded(policy, 5) == [0.5, 0.5, -0.5, -0.5, 0]


def test_what_is_not_known_stops_nothing() -> None:
    policy = stop([0.5] * 4, [0, -0.1, 0, 0])
    policy.log_price[1] = NAN
    assert traded(policy, 4) == [0.5, 0.5, 0, 0]
    policy.lower[:] = NAN
    assert traded(policy, 4) == [0.5] * 4


def test_a_target_that_leaves_the_holding_alone_is_what_is_held() -> None:
    policy = stop([0.5, NAN, NAN, NAN, 0.5], [0, -0.1, 0, 0, 0], horizon=9)
    assert traded(policy, 5) == [0.5, 0, 0, 0, 0.5]


def test_an_order_that_was_not_filled_is_no_entry() -> None:
    policy = stop([0.5] * 4, [0, -0.1, -0.02, -0.02])
    flat, long = np.zeros((1, 1)), np.full((1, 1), 0.5)
    assert policy.decide(0, flat) == policy.decide(1, flat) == 0.5
    assert policy.decide(2, long) == policy.decide(3, long) == 0.5


def test_configurations_do_not_share_their_memory() -> None:
    rng = np.random.default_rng(0)
    log_price = np.cumsum(0.02 * rng.standard_normal((N, 3)), axis=0)
    weights = rng.choice([-0.3, 0.0, 0.3], (4, N, 3))
    lower = -rng.uniform(0.01, 0.04, (4, N, 3))
    horizon = np.array([2, 3, 4, 5])
    decides = np.ones(N, dtype=bool)
    together = QuantileStop(Targets(weights, decides), log_price, lower, -lower, horizon)
    alone = [
        QuantileStop(
            Targets(weights[c], decides), log_price, lower[c], -lower[c], horizon[c : c + 1]
        )
        for c in range(4)
    ]
    held, stops = np.zeros((4, 3)), 0
    for bar in range(N):
        answer = together.decide(bar, held)
        each = [policy.decide(bar, held[c : c + 1]) for c, policy in enumerate(alone)]
        np.testing.assert_array_equal(answer, np.concatenate(each))
        stops += int((answer != weights[:, bar]).sum())
        held = answer
    assert stops > 5


def test_another_simulation_begins_anew() -> None:
    policy = stop([0.5] * 5, [0, -0.06, 0, 0, 0])
    assert traded(policy, 5) == traded(policy, 5)
