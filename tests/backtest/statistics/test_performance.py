"""Statistics of an equity curve against closed forms worked out by hand."""

import math

import numpy as np
import pytest
from backtest.statistics.noise import curve, noise_returns
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest.statistics import performance

EQUITY = np.array([1.0, 1.1, 0.99, 1.21, 1.21, 1.0])
RETURNS = np.array([0.02, -0.01, 0.0, 0.03])
ON_RETURNS = ("hit_rate", "skew", "excess_kurtosis", "tail_ratio")
ON_RETURNS_A_YEAR = ("annual_volatility", "sharpe", "sharpe_error", "sortino")
ON_EQUITY = ("total_return", "max_drawdown", "longest_drawdown", "drawdowns")
ON_EQUITY_A_YEAR = ("cagr", "calmar")


def test_growth() -> None:
    assert performance.total_return(EQUITY) == pytest.approx(0.0)
    assert performance.total_return(EQUITY[:4]) == pytest.approx(0.21)
    assert performance.cagr(np.array([1.0, 1.1, 1.21]), 1.0) == pytest.approx(0.1)
    assert performance.cagr(np.array([1.0, 1.21]), 0.5) == pytest.approx(0.1)
    assert performance.cagr(np.array([1.0, -0.1]), 252.0) == -1


def test_risk_adjusted_returns() -> None:
    mean, spread = 0.01, math.sqrt((0.01**2 + 0.02**2 + 0.01**2 + 0.02**2) / 3)
    assert performance.annual_volatility(RETURNS, 4.0) == pytest.approx(2 * spread)
    assert performance.sharpe(RETURNS, 4.0) == pytest.approx(2 * mean / spread)
    assert performance.sortino(RETURNS, 4.0) == pytest.approx(2 * mean / math.sqrt(0.01**2 / 4))
    assert performance.hit_rate(RETURNS) == pytest.approx(2 / 3)
    assert performance.calmar(EQUITY[:4], 3.0) == pytest.approx(0.21 / 0.1)


def test_shape_of_the_distribution() -> None:
    two_values = np.array([1.0, 1.0, 1.0, -3.0])  # central moments 3, -6, 21
    assert performance.skew(two_values) == pytest.approx(-6 / 3**1.5)
    assert performance.excess_kurtosis(two_values) == pytest.approx(21 / 9 - 3)
    assert performance.tail_ratio(np.linspace(-1, 2, 101)) == pytest.approx(1.85 / 0.85)


def test_error_of_a_sharpe_ratio_is_what_redraws_show() -> None:
    redraws = noise_returns(500, 4_000, 0) + 0.001
    found = np.std(performance.sharpe(redraws, 252.0))
    assert np.mean(performance.sharpe_error(redraws, 252.0)) == pytest.approx(found, rel=0.04)
    normal = math.sqrt(252.0 * (1 + 0.1**2 / 2) / 499)  # Lo (2002) for a Sharpe of 0.1 a bar
    assert np.mean(performance.sharpe_error(redraws, 252.0)) == pytest.approx(normal, rel=0.01)


@pytest.mark.parametrize("constant", [0.0, 0.1, -0.003])
def test_what_does_not_vary_has_no_ratio(constant: float) -> None:
    flat = np.full(50, constant)
    assert performance.annual_volatility(flat, 252.0) == 0
    for value in (
        performance.sharpe(flat, 252.0),
        performance.sharpe_error(flat, 252.0),
        performance.skew(flat),
        performance.excess_kurtosis(flat),
    ):
        assert math.isnan(value)


def test_what_cannot_be_computed_is_nan() -> None:
    for value in (
        performance.sortino(np.array([0.1, 0.2]), 252.0),
        performance.hit_rate(np.zeros(5)),
        performance.tail_ratio(np.zeros(5)),
        performance.annual_volatility(np.array([0.1]), 252.0),
        performance.calmar(np.array([1.0, 2.0]), 252.0),
    ):
        assert math.isnan(value)


def test_drawdowns() -> None:
    np.testing.assert_allclose(
        performance.drawdowns(EQUITY), [0, 0, -0.1, 0, 0, 1 / 1.21 - 1], rtol=1e-12
    )
    assert performance.max_drawdown(EQUITY) == pytest.approx(1 / 1.21 - 1)
    assert performance.longest_drawdown(EQUITY) == 1
    assert performance.longest_drawdown(np.array([3.0, 2, 1, 2, 3, 2])) == 3
    assert performance.longest_drawdown(np.array([1.0, 2, 3])) == 0


@given(seed=st.integers(0, 999), n=st.integers(1, 60))
@settings(max_examples=20, deadline=None)
def test_many_curves_at_once_are_each_curve_alone(seed: int, n: int) -> None:
    returns = noise_returns(n, 3, seed)
    returns[:, 2] = 0.0  # cash
    equity = curve(returns)
    arguments = dict.fromkeys(ON_RETURNS, (returns,))
    arguments |= dict.fromkeys(ON_RETURNS_A_YEAR, (returns, 252.0))
    arguments |= dict.fromkeys(ON_EQUITY, (equity,))
    arguments |= dict.fromkeys(ON_EQUITY_A_YEAR, (equity, 252.0))
    for name, (values, *rest) in arguments.items():
        function = getattr(performance, name)
        alone = [function(column.copy(), *rest) for column in values.T]
        np.testing.assert_allclose(
            function(values, *rest), np.stack(alone, axis=-1), rtol=1e-9, err_msg=name
        )
