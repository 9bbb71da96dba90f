import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.market.volatility import (
    WARM_UP,
    advance_variance,
    ewma_volatility,
    garman_klass,
    known_volatility,
    parkinson,
    range_variance,
    rogers_satchell,
    trailing_mean,
    yang_zhang,
)


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


@given(
    st.integers(WARM_UP + 1, 120),
    st.lists(st.integers(1, 119), max_size=5, unique=True).map(sorted),
    st.integers(0, 100),
)
def test_ewma_of_several_tickers_piece_by_piece_is_that_of_each(n, cuts, seed):
    """One has all its past, the other one begins five bars later."""
    returns = np.random.default_rng(seed).normal(0, 0.02, (2, n))
    returns[0, 0], returns[1, :6] = np.nan, np.nan
    squares = np.concatenate([np.full((2, WARM_UP), np.nan), returns**2], axis=1)
    pieces, variance, first = [], np.full(2, np.nan), 0
    for last in [*(cut for cut in cuts if cut < n), n]:
        known = squares[:, first : last + WARM_UP]
        pieces.append(known_volatility(advance_variance(variance, known, last - first, 0.94)))
        variance, first = pieces[-1][:, -1] ** 2, last
    found = np.concatenate(pieces, axis=1)
    np.testing.assert_allclose(found[0], slow_ewma(returns[0], 0.94), rtol=1e-9)
    np.testing.assert_allclose(found[1, 5:], ewma_volatility(returns[1, 5:], 0.94), rtol=1e-9)


N_BARS, N_STEPS, DEVIATION = 1500, 4000, 0.02


def diffusion(drift: float, overnight: float = 0.0) -> tuple[np.ndarray, ...]:
    """Previous close, open, high, low and close of finely sampled Brownian bars.

    Args:
        drift: Mean log return of a session.
        overnight: Standard deviation of the log return of the night before it.
    """
    rng = np.random.default_rng(0)
    steps = rng.normal(drift / N_STEPS, DEVIATION / np.sqrt(N_STEPS), (N_BARS, N_STEPS))
    path = np.concatenate([np.zeros((N_BARS, 1)), steps.cumsum(axis=1)], axis=1)
    path += overnight * rng.normal(size=(N_BARS, 1))
    log_prices = (np.zeros(N_BARS), path[:, 0], path.max(1), path.min(1), path[:, -1])
    return tuple(np.exp(each) for each in log_prices)


@pytest.mark.parametrize("estimator", [parkinson, garman_klass, rogers_satchell])
def test_range_variance_of_a_diffusion_is_its_variance(estimator):
    """Without drift all are unbiased, but for the extremes that lie between the samples."""
    _, open_, high, low, close = diffusion(drift=0.0)
    prices = (high, low) if estimator is parkinson else (open_, high, low, close)
    values = estimator(*prices)
    error = values.std() / np.sqrt(N_BARS)
    assert abs(values.mean() - DEVIATION**2) < 3 * error + 0.03 * DEVIATION**2
    # Each is far more precise than the squared return.
    assert values.std() < 0.7 * (np.log(close / open_) ** 2).std()


def test_range_variance_adds_the_night():
    before, open_, high, low, _ = diffusion(drift=0.0, overnight=0.01)
    estimate = range_variance(open_, high, low, before).mean()
    assert estimate == pytest.approx(DEVIATION**2 + 0.01**2, rel=0.06)


def test_only_rogers_and_satchell_see_through_a_drift():
    _, open_, high, low, close = diffusion(drift=2 * DEVIATION)
    assert rogers_satchell(open_, high, low, close).mean() == pytest.approx(DEVIATION**2, rel=0.06)
    assert parkinson(high, low).mean() > 1.5 * DEVIATION**2
    assert garman_klass(open_, high, low, close).mean() > 1.1 * DEVIATION**2


@pytest.mark.parametrize("drift", [0.0, 2 * DEVIATION])
def test_yang_zhang_is_the_variance_from_close_to_close_whatever_the_drift(drift):
    before, open_, high, low, close = diffusion(drift, overnight=0.01)
    night, day = (x.var(ddof=1) for x in (np.log(open_ / before), np.log(close / open_)))
    session = rogers_satchell(open_, high, low, close).mean()
    estimate = yang_zhang(np.array([night]), np.array([day]), np.array([session]), N_BARS)
    assert estimate[0] == pytest.approx(DEVIATION**2 + 0.01**2, rel=0.06)


@given(st.integers(1, 40), st.integers(1, 10))
def test_trailing_mean_equals_slices(n, length):
    values = np.random.default_rng(n).normal(size=n)
    got = trailing_mean(values, length)
    for t in range(n):
        if t + 1 < length:
            assert np.isnan(got[t])
        else:
            assert got[t] == pytest.approx(values[t + 1 - length : t + 1].mean())
