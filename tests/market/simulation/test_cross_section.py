import numpy as np
import pytest
from scipy import stats

from forecasting.market.panel import COLUMNS
from forecasting.market.simulation.cross_section import gaussian_correlation
from forecasting.market.simulation.simulate import simulate, simulate_with_truth


def rank_ics(signal: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Spearman correlation over the tickers, day by day."""
    ranks = [stats.rankdata(values, axis=1) for values in (signal, outcome)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    scale = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    return (centred[0] * centred[1]).sum(axis=1) / scale


@pytest.mark.parametrize(
    ("ic", "n_tickers", "n_bars"), [(0.05, 100, 4000), (0.2, 5, 12_000), (0.5, 30, 1500)]
)
def test_volume_has_the_stated_rank_ic(ic: float, n_tickers: int, n_bars: int) -> None:
    panel = simulate("cross-section", n_tickers, n_bars, 0, ic=ic)
    returns = np.diff(np.log(panel.column("close")), axis=0)
    daily = rank_ics(panel.column("volume")[:-1], returns)
    error = daily.std() / np.sqrt(len(daily))
    assert error < 0.006
    assert daily.mean() == pytest.approx(ic, abs=3.5 * error)


def test_only_yesterdays_volume_tells() -> None:
    """Neither the volume of the same day or of two days before, nor past returns."""
    panel = simulate("cross-section", 100, 3000, 1, ic=0.2)
    volume, returns = panel.column("volume"), np.diff(np.log(panel.column("close")), axis=0)
    for cue, outcome in (
        (volume[1:], returns),
        (volume[:-2], returns[1:]),
        (returns[:-1], returns[1:]),
        (np.abs(returns[:-1]), returns[1:]),
    ):
        assert abs(rank_ics(cue, outcome).mean()) < 0.008


def test_a_null_signal_is_none() -> None:
    _, truth = simulate_with_truth("cross-section", 4, 50, 0, ic=0.0)
    np.testing.assert_array_equal(truth.location, 0)


def test_the_signal_is_market_neutral_and_known_the_day_before() -> None:
    panel, truth = simulate_with_truth("cross-section", 20, 300, 0)
    assert truth.signal is not None
    np.testing.assert_allclose(truth.location.sum(axis=1), 0, atol=1e-14)
    log_volume = np.log(panel.values[:, :, COLUMNS.index("volume")])
    np.testing.assert_allclose(log_volume, 13 + 0.4 * truth.signal, atol=1e-4)
    shown = truth.signal[:-1] - truth.signal[:-1].mean(axis=1, keepdims=True)
    rho = gaussian_correlation(0.05, 20)
    np.testing.assert_allclose(truth.location[1:], rho * 0.015 / np.sqrt(2) * shown, atol=1e-14)


@pytest.mark.parametrize("n_tickers", [2, 3, 10, 1000])
def test_moran_s_formula(n_tickers: int) -> None:
    """Against its limits: no signal, a perfect one, and many tickers."""
    assert gaussian_correlation(0.0, n_tickers) == pytest.approx(0, abs=1e-12)
    assert gaussian_correlation(1.0, n_tickers) == pytest.approx(1)
    assert gaussian_correlation(0.3, 10**7) == pytest.approx(2 * np.sin(np.pi * 0.3 / 6), rel=1e-5)
