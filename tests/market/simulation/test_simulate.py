import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.market.panel import COLUMNS, PRICE_COLUMNS
from forecasting.market.simulation.markets import MARKETS
from forecasting.market.simulation.shocks import StepStream
from forecasting.market.simulation.simulate import simulate, simulate_with_truth


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("kind", MARKETS)
def test_bars_are_consistent(kind: str, events: bool) -> None:
    panel, truth = simulate_with_truth(kind, n_tickers=3, n_bars=300, seed=1, events=events)
    open_, high, low, close, adjusted = (panel.column(name)[panel.mask] for name in PRICE_COLUMNS)
    assert (low <= np.minimum(open_, close)).all()
    assert (high >= np.maximum(open_, close)).all()
    assert (low > 0).all()
    assert panel.mask.all() != events
    if not events:
        np.testing.assert_array_equal(close, adjusted)
    assert panel.has("volume", "dividend", "split")
    assert (pd.DatetimeIndex(panel.times).day_of_week < 5).all()
    assert truth.volatility.shape == truth.location.shape == (300, 3)


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("kind", MARKETS)
def test_equal_seeds_give_equal_prices(kind: str, events: bool) -> None:
    first, again, other = (simulate(kind, 2, 260, seed, events=events) for seed in (7, 7, 8))
    assert first.vintage == again.vintage != other.vintage


@pytest.mark.parametrize("kind", MARKETS)
def test_returns_are_the_sum_that_the_truth_states(kind: str) -> None:
    panel, truth = simulate_with_truth(kind, 5, 400, 2)
    _, shocks = StepStream(2, 400, 5).shocks()
    expected = truth.location + truth.own_volatility * shocks.own
    for jump in (truth.night_jump, truth.session_jump):
        expected = expected if jump is None else expected + jump
    if truth.market_volatility is not None:
        expected = expected + truth.market_volatility * shocks.market
    returns = np.diff(np.log(panel.column("close")), axis=0)
    np.testing.assert_allclose(returns, expected[1:], atol=1e-12)


@pytest.mark.parametrize("kind", MARKETS)
def test_expected_volatility_is_the_mean_square_return(kind: str) -> None:
    """E[(r_t - location_t)^2 / expected_volatility_t^2] = 1, whatever the state."""
    panel, truth = simulate_with_truth(kind, 30, 3000, 0)
    returns = np.diff(np.log(panel.column("close")), axis=0)
    shock = (returns - truth.location[1:]) / truth.expected_volatility[1:]
    by_day = (shock**2).mean(axis=1)
    error = by_day.std() / np.sqrt(len(by_day))
    assert by_day.mean() == pytest.approx(1, abs=4 * error)
    assert error < 0.05


@given(days=st.integers(1, 60), seed=st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_shocks_do_not_depend_on_the_block(days: int, seed: int) -> None:
    stream = StepStream(seed, 50, 3)
    whole = [np.concatenate(parts) for parts in list(zip(*stream.blocks(50), strict=True))[1:]]
    parts = [np.concatenate(parts) for parts in list(zip(*stream.blocks(days), strict=True))[1:]]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)
    _, shocks = stream.shocks()
    np.testing.assert_allclose(whole[0][:, :, -1], shocks.own, atol=1e-14)
    np.testing.assert_allclose(whole[1][:, :, -1], shocks.market, atol=1e-14)


def direct(kind: str, n_tickers: int, n_bars: int, seed: int) -> np.ndarray:
    """The three oldest markets drawn at once: slow, large and obvious; shape (time, ticker, 5)."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.2] + [0.05] * 16)
    steps = rng.normal(size=(n_bars, n_tickers, 17)) * np.sqrt(shares)
    shock = steps.sum(axis=2)
    location, volatility = np.zeros_like(shock), np.full_like(shock, 0.015)
    if kind == "random-walk":
        volatility *= np.sqrt(3 / rng.chisquare(5, shock.shape))
    elif kind == "volatility":
        shared, own = rng.normal(size=(n_bars, 1)), rng.normal(size=(n_bars, n_tickers))
        for level in (shared, own):
            level *= 0.5
            for t in range(1, n_bars):
                level[t] = 0.95 * level[t - 1] + np.sqrt(1 - 0.95**2) * level[t]
        volatility *= np.exp(shared + own)
    else:
        volatility *= np.sqrt(1 - 0.05**2)
        for t in range(1, n_bars):
            location[t] = -0.05 * (location[t - 1] + volatility[t - 1] * shock[t - 1])
    path = location[:, :, None] + volatility[:, :, None] * np.cumsum(steps, axis=2)
    first = np.log(rng.uniform(20, 200, n_tickers))
    before = first + np.vstack([np.zeros(n_tickers), np.cumsum(path[:-1, :, -1], axis=0)])
    quotes = np.exp(before[:, :, None] + path)
    volume = np.round(rng.lognormal(13, 0.4, (n_bars, n_tickers)))
    columns = (quotes[:, :, 0], quotes.max(axis=2), quotes.min(axis=2), quotes[:, :, -1], volume)
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("kind", ["volatility", "random-walk", "signal"])
def test_the_oldest_markets_stay_bit_identical(kind: str) -> None:
    """Several blocks of days; published results stand on these prices."""
    names = ("open", "high", "low", "close", "volume")
    values = simulate(kind, 150, 900, 3).values[:, :, [COLUMNS.index(name) for name in names]]
    np.testing.assert_array_equal(values, direct(kind, 150, 900, 3))
