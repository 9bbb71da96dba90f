"""The no-trade band: the minimiser that it claims to be, by hand, and in several configurations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from forecasting.backtest.accounting.policy import Policy, Targets
from forecasting.backtest.strategies.rules.no_trade_band import NoTradeBand, half_width


def band(target: float, variance: float, cost_over_aversion: float) -> NoTradeBand:
    targets = Targets(np.full((1, 1), target), np.array([True]))
    return NoTradeBand(targets, np.full((1, 1), variance), np.array([cost_over_aversion]))


@settings(deadline=None, max_examples=60)
@given(
    held=st.floats(-1, 1),
    target=st.floats(-1, 1),
    volatility=st.floats(0.01, 0.1),
    cost=st.floats(0.0001, 0.01),
    aversion=st.floats(1, 50),
)
def test_the_edge_minimises_loss_and_cost(
    held: float, target: float, volatility: float, cost: float, aversion: float
) -> None:
    def loss(x: float) -> float:
        return aversion / 2 * volatility**2 * (x - target) ** 2 + cost * abs(x - held)

    answer = band(target, volatility**2, cost / aversion).decide(0, np.full((1, 1), held))
    assert answer is not None
    found = held if np.isnan(answer[0, 0]) else float(answer[0, 0])
    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    assert loss(found) <= min(best.fun, loss(held), loss(target)) + 1e-12


@pytest.mark.parametrize(
    ("held", "target", "expected"),
    [
        (0.5, 0.8, 0.7),
        (0.9, 0.8, np.nan),
        (1.0, 0.8, 0.9),
        (0.0, -0.05, np.nan),
        (0.3, 0.0, 0.1),
    ],
)
def test_a_band_of_a_tenth_by_hand(held: float, target: float, expected: float) -> None:
    answer = band(target, 0.01, 0.001).decide(0, np.full((1, 1), held))
    np.testing.assert_allclose(answer, [[expected]])


def test_without_a_volatility_or_a_cost_there_is_no_band() -> None:
    variance = np.array([0.01, np.nan, 0.0])
    assert half_width(variance, np.array(0.002)).tolist() == [0.2, 0, 0]
    assert half_width(variance, np.array(0.0)).tolist() == [0, 0, 0]


def test_each_configuration_has_its_band() -> None:
    targets = Targets(np.array([[0.5, 0.5], [0.0, 0.0]]), np.array([True, False]))
    made = NoTradeBand(targets, np.full((2, 2), 0.01), np.array([0.0, 0.001, 0.01]))
    held = np.zeros((3, 2))
    answer = made.decide(0, held)
    np.testing.assert_allclose(answer, [[0.5, 0.5], [0.4, 0.4], [np.nan, np.nan]])
    assert made.decide(1, held) is None
    assert isinstance(made, Policy)
