import numpy as np
import pandas as pd
import pytest
from scipy import stats

from forecasting.errors import DataError
from forecasting.market.panel import PRICE_COLUMNS, Panel
from forecasting.market.simulated import (
    FREEDOM,
    MARKETS,
    SIGNAL_IC,
    SimulatedSource,
    simulate,
    simulate_with_truth,
)


def log_returns(panel: Panel) -> np.ndarray:
    return np.diff(np.log(panel.column("close")), axis=0)


@pytest.mark.parametrize("kind", MARKETS)
def test_bars_are_consistent(kind: str) -> None:
    panel, truth = simulate_with_truth(kind, n_tickers=3, n_bars=300, seed=1)
    open_, high, low, close, adjusted = (panel.column(name) for name in PRICE_COLUMNS)
    assert (low <= np.minimum(open_, close)).all()
    assert (high >= np.maximum(open_, close)).all()
    assert (low > 0).all()
    np.testing.assert_array_equal(close, adjusted)
    assert panel.mask.all()
    assert panel.has("volume", "dividend", "split")
    assert (pd.DatetimeIndex(panel.times).day_of_week < 5).all()
    assert truth.volatility.shape == truth.location.shape == (300, 3)


@pytest.mark.parametrize("kind", MARKETS)
def test_equal_seeds_give_equal_prices(kind: str) -> None:
    assert simulate(kind, 2, 50, 7).vintage == simulate(kind, 2, 50, 7).vintage
    assert simulate(kind, 2, 50, 7).vintage != simulate(kind, 2, 50, 8).vintage


@pytest.mark.parametrize("kind", MARKETS)
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


def test_names_carry_settings() -> None:
    source = SimulatedSource.from_name("simulated-random-walk:seed=3,tickers=4,bars=100")
    panel = source.load()
    assert panel.tickers == source.tickers() == ("SIM01", "SIM02", "SIM03", "SIM04")
    assert panel.vintage == simulate("random-walk", 4, 100, 3).vintage
    assert SimulatedSource.from_name("simulated").kind == "volatility"
    assert source.load(["SIM03"], "2000-02-01", "2000-02-29").values.shape == (21, 1, 8)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("simulated-walk", "expected one of simulated-volatility"),
        ("simulated:seed=x", "'seed=x' in .* is no setting"),
        ("simulated:n=3", "is no setting"),
        ("simulated:bars=1", "expected 1 to 500 tickers, 2 to 20000 bars"),
        ("simulated:tickers=0", "expected 1 to 500 tickers"),
    ],
)
def test_bad_names(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SimulatedSource.from_name(name).load()


def test_unknown_kind() -> None:
    with pytest.raises(DataError, match="no simulated market 'walk'"):
        simulate("walk")
