import numpy as np
import pytest
from scipy import stats

from forecasting.market.panel import Panel
from forecasting.market.simulation import leverage as law
from forecasting.market.simulation.simulate import simulate_with_truth
from forecasting.market.simulation.truth import Truth

N_TICKERS, N_BARS = 40, 8000


@pytest.fixture(scope="module")
def market() -> tuple[Panel, Truth]:
    return simulate_with_truth("leverage", N_TICKERS, N_BARS, 0)


@pytest.fixture(scope="module")
def returns(market: tuple[Panel, Truth]) -> np.ndarray:
    """Log returns of all days but the first."""
    return np.diff(np.log(market[0].column("close")), axis=0)


def calm_log_volatility(truth: Truth) -> np.ndarray:
    multiple = np.where(truth.regime == 1, law.CRISIS, 1.0)[:, None]
    return np.log(truth.own_volatility / multiple / law.OWN_DAILY)


def test_returns_cannot_be_foreseen(returns: np.ndarray) -> None:
    for past in (returns[:-1], np.abs(returns[:-1])):
        by_ticker = stats.spearmanr(past, returns[1:], axis=0).statistic
        own = np.diag(by_ticker[:N_TICKERS, N_TICKERS:])
        # Tickers move together: the error is that of some hundred days' worth, not of all cells.
        assert abs(own.mean()) < 0.03


def test_log_volatility_is_a_stationary_autoregression(market: tuple[Panel, Truth]) -> None:
    level = calm_log_volatility(market[1])
    assert level.mean() == pytest.approx(0, abs=0.05)
    assert level.std() == pytest.approx(law.SPREAD, rel=0.05)
    slope = stats.linregress(level[:-1].ravel(), level[1:].ravel()).slope
    assert slope == pytest.approx(law.PERSISTENCE, abs=0.005)


def test_a_fall_raises_tomorrows_volatility(market: tuple[Panel, Truth]) -> None:
    """The own shock of a ticker is what its return has beside the market's and the jumps'."""
    panel, truth = market
    level = calm_log_volatility(truth)
    news = level[1:] - law.PERSISTENCE * level[:-1]
    assert truth.market_volatility is not None
    assert truth.night_jump is not None
    assert truth.session_jump is not None
    returns = np.diff(np.log(panel.column("close")), axis=0)
    returns -= (truth.night_jump + truth.session_jump)[1:]
    # The market's shock is what the beta-weighted mean over many tickers has in common.
    shared = (returns / truth.market_volatility[1:]).mean(axis=1, keepdims=True)
    own = (returns - truth.market_volatility[1:] * shared) / truth.own_volatility[1:]
    today = stats.pearsonr(own[:-1].ravel(), news[1:].ravel()).statistic
    assert today == pytest.approx(law.LEVERAGE, abs=0.05)
    same_day = stats.pearsonr(own.ravel(), news.ravel()).statistic
    assert abs(same_day) < 0.01

    calm = np.where(truth.regime == 1, law.CRISIS, 1.0) * law.MARKET_DAILY
    assert truth.beta is not None
    market_level = np.log(truth.market_volatility[:, 0] / truth.beta[0] / calm)
    market_news = market_level[1:] - law.PERSISTENCE * market_level[:-1]
    found = stats.pearsonr(shared[:-1, 0], market_news[1:]).statistic
    assert found == pytest.approx(law.LEVERAGE, abs=0.07)


def test_leverage_shows_in_prices_alone(returns: np.ndarray) -> None:
    index = returns.mean(axis=1)
    after = np.lib.stride_tricks.sliding_window_view(index[1:] ** 2, 5).mean(axis=1)
    assert stats.spearmanr(index[: len(after)], after).statistic < -0.05


def test_regimes_stay_as_long_as_stated(market: tuple[Panel, Truth]) -> None:
    regime = market[1].regime
    assert regime is not None
    assert set(np.unique(regime)) == {0, 1}
    for state, stay in enumerate(law.STAY):
        days = regime[:-1] == state
        error = np.sqrt(stay * (1 - stay) / days.sum())
        assert (regime[1:][days] == state).mean() == pytest.approx(stay, abs=4 * error)
    assert regime.mean() == pytest.approx(0.2, abs=0.1)


def test_jumps_are_as_rare_and_large_as_stated(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    assert truth.session_jump is not None
    assert truth.night_jump is not None
    for jump, chance, variance in (
        (truth.session_jump, law.SESSION_JUMPS, law.SESSION_JUMPS * law.SESSION_JUMP_SIZE**2),
        (truth.night_jump, law.NIGHT_JUMPS, law.NIGHT_JUMPS * 2 * law.NIGHT_JUMP_SCALE**2),
    ):
        assert (jump != 0).mean() == pytest.approx(1 - np.exp(-chance), rel=0.05)
        assert (jump**2).mean() == pytest.approx(variance, rel=0.1)
    assert stats.kurtosis(truth.night_jump[truth.night_jump != 0]) == pytest.approx(3, abs=1)
    assert stats.kurtosis(truth.session_jump[truth.session_jump != 0]) == pytest.approx(0, abs=0.3)
    gap = np.log(panel.column("open")[1:] / panel.column("close")[:-1])
    jumped = truth.night_jump[1:] != 0
    assert np.corrcoef(gap[jumped], truth.night_jump[1:][jumped])[0, 1] > 0.9


def test_a_fifth_of_the_diffusion_falls_overnight(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    assert truth.market_volatility is not None
    assert truth.night_jump is not None
    gap = np.log(panel.column("open")[1:] / panel.column("close")[:-1]) - truth.night_jump[1:]
    diffusion = np.hypot(truth.own_volatility, truth.market_volatility)[1:]
    assert ((gap / diffusion) ** 2).mean() == pytest.approx(0.2, rel=0.05)


def test_tickers_follow_the_market_by_their_betas(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    returns = np.diff(np.log(panel.column("close")), axis=0)
    index = returns.mean(axis=1)
    slopes = returns.T @ index / (index @ index)
    assert truth.beta is not None
    assert truth.beta.min() >= 0.5
    assert truth.beta.max() <= 1.5
    np.testing.assert_allclose(slopes, truth.beta / truth.beta.mean(), atol=0.15)
