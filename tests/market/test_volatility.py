import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.market.volatility import WARM_UP, ewma_volatility, range_variance, trailing_mean


def slow_ewma(log_return, decay):
    """The recursion, one bar at a time."""
    out = [np.nan] * len(log_return)
    variance = np.mean([r**2 for r in log_return[1 : WARM_UP + 1]])
    out[WARM_UP] = np.sqrt(variance)
    for t in range(WARM_UP + 1, len(log_return)):
        variance = decay * variance + (1 - decay) * log_return[t] ** 2
        out[t] = np.sqrt(variance)
    return np.array(out)


@given(st.integers(WARM_UP + 1, 200), st.floats(0.5, 0.99), st.integers(0, 100))
def test_ewma_equals_the_plain_recursion(n, decay, seed):
    returns = np.random.default_rng(seed).normal(0, 0.02, n)
    returns[0] = np.nan
    np.testing.assert_allclose(
        ewma_volatility(returns, decay), slow_ewma(returns, decay), rtol=1e-12
    )


def test_ewma_is_unknown_without_enough_history():
    assert np.isnan(ewma_volatility(np.full(WARM_UP, 0.01), 0.94)).all()


def test_ewma_is_unknown_where_nothing_has_moved_for_long():
    returns = np.concatenate([[np.nan], np.full(100, 0.01), np.zeros(2000)])
    volatility = ewma_volatility(returns, 0.94)
    assert np.isfinite(volatility[100])
    assert np.isnan(volatility[-1])


def test_ewma_scales_with_returns():
    returns = np.random.default_rng(1).normal(0, 0.01, 300)
    np.testing.assert_allclose(
        ewma_volatility(3 * returns, 0.9), 3 * ewma_volatility(returns, 0.9), rtol=1e-12
    )


def test_range_variance_of_a_diffusion_is_its_variance():
    """A finely sampled Brownian bar without gap: Parkinson's estimate is nearly unbiased."""
    steps = np.random.default_rng(0).normal(0, 0.02 / np.sqrt(4000), (1500, 4000))
    path = np.concatenate([np.zeros((1500, 1)), steps.cumsum(axis=1)], axis=1)
    one = np.ones(1500)
    estimate = range_variance(one, np.exp(path.max(1)), np.exp(path.min(1)), one).mean()
    assert estimate == pytest.approx(0.02**2, rel=0.06)


@given(st.integers(1, 40), st.integers(1, 10))
def test_trailing_mean_equals_slices(n, length):
    values = np.random.default_rng(n).normal(size=n)
    got = trailing_mean(values, length)
    for t in range(n):
        if t + 1 < length:
            assert np.isnan(got[t])
        else:
            assert got[t] == pytest.approx(values[t + 1 - length : t + 1].mean())
