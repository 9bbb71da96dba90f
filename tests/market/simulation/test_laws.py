import numpy as np
import pytest
from scipy import stats

from forecasting.market.panel import Panel
from forecasting.market.simulation.laws import FREEDOM, SIGNAL_IC
from forecasting.market.simulation.markets import MARKETS
from forecasting.market.simulation.shocks import Shocks
from forecasting.market.simulation.simulate import simulate, simulate_with_truth


def log_returns(panel: Panel) -> np.ndarray:
    return np.diff(np.log(panel.column("close")), axis=0)


@pytest.mark.parametrize("kind", ["volatility", "random-walk", "signal"])
def test_returns_are_gaussian_given_the_truth(kind: str) -> None:
    panel, truth = simulate_with_truth(kind, 8, 2000, 0)
    shock = (log_returns(panel) - truth.location[1:]) / truth.volatility[1:]
    assert stats.kstest(shock.ravel(), "norm").pvalue > 0.001


def test_random_walk_is_student_t_without_memory() -> None:
    returns = log_returns(simulate("random-walk", 10, 3000, 0))
    law = stats.t(FREEDOM, scale=0.015 * np.sqrt((FREEDOM - 2) / FREEDOM))
    assert stats.kstest(returns.ravel(), law.cdf).pvalue > 0.001
    for values in (returns, returns**2):
        ranks = stats.rankdata(values, axis=0)
        assert abs(np.corrcoef(ranks[:-1].ravel(), ranks[1:].ravel())[0, 1]) < 0.02


def test_volatility_clusters_and_is_shared() -> None:
    _, truth = simulate_with_truth("volatility", 10, 3000, 0)
    level = np.log(truth.volatility / 0.015)
    assert level.std() == pytest.approx(np.sqrt(0.5), rel=0.1)
    assert np.corrcoef(level[:-1].ravel(), level[1:].ravel())[0, 1] == pytest.approx(0.95, abs=0.02)
    pairs = np.corrcoef(level.T)[np.triu_indices(10, 1)]
    assert pairs.mean() == pytest.approx(0.5, abs=0.1)


def test_signal_has_the_stated_correlation() -> None:
    panel, truth = simulate_with_truth("signal", 20, 3000, 0)
    returns = log_returns(panel)
    found = np.corrcoef(-returns[:-1].ravel(), returns[1:].ravel())[0, 1]
    # Standard error 1 / sqrt(60 000) = 0.004.
    assert found == pytest.approx(SIGNAL_IC, abs=0.015)
    np.testing.assert_allclose(truth.location[2:], -SIGNAL_IC * returns[:-1], atol=1e-12)


@pytest.mark.parametrize("kind", MARKETS)
def test_the_law_of_a_day_does_not_know_its_shock(kind: str) -> None:
    """Opposite shocks from day 60 on leave what is said of the days up to 60 bit-identical."""
    noise = np.random.default_rng(1)
    own, market = noise.normal(size=(100, 4)), noise.normal(size=(100, 1))
    changed = Shocks(own.copy(), market.copy())
    changed.own[60:] *= -1
    changed.market[60:] *= -1
    truths = [
        MARKETS[kind](np.random.default_rng(0), shocks) for shocks in (Shocks(own, market), changed)
    ]
    for name in ("location", "own_volatility", "expected_volatility", "market_volatility"):
        grids = [getattr(truth, name) for truth in truths]
        if grids[0] is not None:
            np.testing.assert_array_equal(grids[0][:61], grids[1][:61])
