"""The statistics against other packages, where their definitions agree; where not, it says why.

empyrical-reloaded 0.7 asks for peewee below 3.17.4 and cannot stand beside yfinance's; its numbers
were compared once: CAGR, volatility, Sharpe, Sortino, Calmar, drawdown, tail ratio, beta, and the
information ratio (its `excess_sharpe` times sqrt(252)) are equal. Its alpha compounds the bar's
alpha to a year; its captures divide annualised growth on the up bars, which does not give 2 for a
benchmark held twice.
"""

import math

import matplotlib
import numpy as np
import pandas as pd
import pytest
from backtest.statistics.noise import curve, noise_returns

from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.benchmark_relative import benchmark_relative
from forecasting.backtest.statistics.drawdowns import worst_drawdowns
from forecasting.backtest.statistics.monthly import monthly_returns
from forecasting.backtest.statistics.overfitting import overfitting
from forecasting.backtest.statistics.sharpe_tests import (
    SharpeEstimate,
    deflated_sharpe,
    expected_max_sharpe,
    min_track_record,
    probabilistic_sharpe,
    sharpe_estimate,
    trial_variance,
)

pytestmark = pytest.mark.oracle

N = 1_000
BENCHMARK = noise_returns(N, 1, 0)[:, 0] + 0.0005
RETURNS = 0.7 * BENCHMARK + 0.6 * noise_returns(N, 1, 1)[:, 0]
EQUITY = curve(RETURNS)
TIMES = pd.bdate_range("2020-01-01", periods=N + 1)
SERIES = pd.Series(RETURNS, TIMES[1:])


@pytest.fixture
def quantstats():
    with matplotlib.rc_context():  # it changes how all figures look
        return pytest.importorskip("quantstats_lumi", exc_type=ImportError).stats


def test_risk_and_return(quantstats) -> None:
    # It takes 365 bars for a year unless told.
    year = {"periods": 252}
    assert performance.annual_volatility(RETURNS, 252) == pytest.approx(
        quantstats.volatility(SERIES, **year)
    )
    assert performance.sharpe(RETURNS, 252) == pytest.approx(quantstats.sharpe(SERIES, **year))
    assert performance.sortino(RETURNS, 252) == pytest.approx(quantstats.sortino(SERIES, **year))
    assert performance.max_drawdown(EQUITY) == pytest.approx(quantstats.max_drawdown(SERIES))
    assert performance.hit_rate(RETURNS) == pytest.approx(quantstats.win_rate(SERIES))
    assert performance.tail_ratio(RETURNS) == pytest.approx(quantstats.tail_ratio(SERIES))


def test_growth(quantstats) -> None:
    # Its year is of calendar days between the first and the last return.
    years = (TIMES[-1] - TIMES[1]).days / 365
    expected = EQUITY[-1] ** (1 / years) - 1
    assert quantstats.cagr(SERIES) == pytest.approx(expected, abs=2e-3)
    assert performance.cagr(EQUITY, N / years) == pytest.approx(expected)


def test_moments(quantstats) -> None:
    # pandas corrects both moments for the bias of small samples.
    skew, kurtosis = performance.skew(RETURNS), performance.excess_kurtosis(RETURNS)
    assert skew * math.sqrt(N * (N - 1)) / (N - 2) == pytest.approx(quantstats.skew(SERIES))
    corrected = (N - 1) / ((N - 2) * (N - 3)) * ((N + 1) * kurtosis + 6)
    assert corrected == pytest.approx(quantstats.kurtosis(SERIES))


def test_against_a_benchmark(quantstats) -> None:
    found = benchmark_relative(RETURNS, BENCHMARK, 252)
    theirs = quantstats.greeks(SERIES, pd.Series(BENCHMARK, SERIES.index), 252)
    assert found.beta == pytest.approx(theirs["beta"])
    assert found.alpha == pytest.approx(theirs["alpha"])
    # Its information ratio is of one bar.
    per_bar = quantstats.information_ratio(SERIES, pd.Series(BENCHMARK, SERIES.index))
    assert found.information_ratio == pytest.approx(per_bar * math.sqrt(252))


def test_months(quantstats) -> None:
    ours = monthly_returns(TIMES.to_numpy(), EQUITY).iloc[:, :12].fillna(0)
    theirs = quantstats.monthly_returns(SERIES, eoy=False)
    np.testing.assert_allclose(ours.to_numpy(), theirs.to_numpy(), atol=1e-12)


def test_depths_of_drawdowns(quantstats) -> None:
    theirs = quantstats.drawdown_details(quantstats.to_drawdown_series(SERIES))
    depths = np.sort(theirs["max drawdown"].to_numpy())[:5] / 100
    ours = worst_drawdowns(TIMES.to_numpy(), EQUITY)["depth"]
    np.testing.assert_allclose(ours, depths, atol=1e-6)


def test_probabilistic_and_deflated_sharpe_by_skfolio() -> None:
    measures = pytest.importorskip("skfolio.measures")
    trials = [-0.05, 0.01, 0.04, 0.08]
    estimate = sharpe_estimate(RETURNS)
    # It corrects skew and kurtosis for the bias of small samples.
    assert probabilistic_sharpe(estimate) == pytest.approx(
        measures.probabilistic_sharpe_ratio(RETURNS), abs=1e-5
    )
    assert expected_max_sharpe(4, np.var(trials, ddof=1)) == pytest.approx(
        measures.expected_max_sharpe_ratio(4, np.std(trials, ddof=1))
    )
    variance = trial_variance(trials, 1)
    assert deflated_sharpe(estimate, 4, variance) == pytest.approx(
        measures.deflated_sharpe_ratio(RETURNS, np.array(trials)), abs=1e-3
    )


def test_the_same_by_purgedcv() -> None:
    peer = pytest.importorskip("purgedcv")
    estimate = sharpe_estimate(RETURNS)
    # It divides by the standard deviation over n, and corrects the moments for small samples.
    assert probabilistic_sharpe(estimate, 0.01) == pytest.approx(
        peer.probabilistic_sharpe_ratio(RETURNS, 0.01), abs=2e-4
    )
    assert deflated_sharpe(estimate, 20, 0.001) == pytest.approx(
        peer.deflated_sharpe_ratio(RETURNS, 20, 0.001), abs=2e-4
    )
    # It rounds up to whole bars.
    ours = min_track_record(SharpeEstimate(0.1, -0.5, 5.0, 100), 0.02)
    assert math.ceil(ours) == peer.min_track_record_length(0.1, 0.02, 0.05, -0.5, 5.0)


@pytest.mark.parametrize("seed", range(3))
def test_overfitting_by_purgedcv(seed: int) -> None:
    peer = pytest.importorskip("purgedcv")
    returns = noise_returns(400, 9, seed)
    returns[:, 0] += 0.0005
    ours, theirs = overfitting(returns, 8), peer.probability_of_backtest_overfitting(returns.T, 8)
    # It counts splits below the median; so do we, with those at it.
    assert np.mean(ours.logits < -1e-12) == pytest.approx(theirs.pbo)
    np.testing.assert_allclose(np.sort(ours.logits), np.sort(theirs.logits), atol=1e-12)
    assert ours.slope == pytest.approx(theirs.slope, rel=1e-6)
