"""Probabilistic and deflated Sharpe ratios against their papers, and on searches without skill."""

import math

import numpy as np
import pytest
from backtest.statistics.noise import noise_returns
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.sharpe_tests import (
    SharpeEstimate,
    deflated_sharpe,
    effective_trials,
    expected_max_sharpe,
    min_track_record,
    probabilistic_sharpe,
    sharpe_estimate,
    trial_variance,
)


def test_the_example_of_the_paper_on_the_probabilistic_sharpe_ratio() -> None:
    """Two years of months (Bailey & Lopez de Prado 2012, section 3)."""
    normal = SharpeEstimate(0.458, 0.0, 3.0, 24)
    skewed = SharpeEstimate(0.458, -2.448, 10.164, 24)
    assert probabilistic_sharpe(normal) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(skewed) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("bars", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_examples_of_the_paper_on_the_track_record(bars: int, years: float) -> None:
    """An annual Sharpe ratio of 2 is to exceed 1 (the same paper, section 5)."""
    estimate = SharpeEstimate(2 / math.sqrt(bars), 0.0, 3.0, bars)
    found = min_track_record(estimate, 1 / math.sqrt(bars))
    assert found / bars == pytest.approx(years, abs=0.01)


@pytest.mark.parametrize(("n_trials", "expected"), [(100, 0.9004), (46, 0.9505)])
def test_the_example_of_the_paper_on_the_deflated_sharpe_ratio(
    n_trials: int, expected: float
) -> None:
    """Five years of days, annual variance of trials 1/2 (Bailey & Lopez de Prado 2014)."""
    estimate = SharpeEstimate(2.5 / math.sqrt(250), -3.0, 10.0, 1_250)
    assert deflated_sharpe(estimate, n_trials, 0.5 / 250) == pytest.approx(expected, abs=5e-4)


@given(sharpe=st.floats(0.02, 0.5), skew=st.floats(-2, 2), more=st.floats(1, 8))
@settings(max_examples=30, deadline=None)
def test_the_track_record_is_where_the_probability_is_reached(
    sharpe: float, skew: float, more: float
) -> None:
    estimate = SharpeEstimate(sharpe, skew, skew**2 + 1 + more, 100)
    bars = min_track_record(estimate)
    z = sharpe * math.sqrt(bars - 1) / estimate.spread
    assert z == pytest.approx(1.6448536269514722)


@pytest.mark.parametrize(("n", "exact"), [(10, 1.53875), (100, 2.50759), (1_000, 3.24144)])
def test_the_largest_of_normal_numbers(n: int, exact: float) -> None:
    assert expected_max_sharpe(n, 1.0) == pytest.approx(exact, rel=0.025)
    assert expected_max_sharpe(n, 0.04) == pytest.approx(0.2 * expected_max_sharpe(n, 1.0))


def test_one_trial_is_not_deflated() -> None:
    estimate = sharpe_estimate(noise_returns(500, 1, 0)[:, 0])
    assert expected_max_sharpe(1, 1.0) == expected_max_sharpe(1.05, 1.0) == 0
    assert deflated_sharpe(estimate, 1, math.nan) == probabilistic_sharpe(estimate)


def test_the_moments_of_an_estimate() -> None:
    returns = noise_returns(500, 1, 0)[:, 0] + 0.001
    estimate = sharpe_estimate(returns)
    error = estimate.spread / math.sqrt(499)
    assert error * math.sqrt(252) == pytest.approx(performance.sharpe_error(returns, 252.0))
    assert estimate.kurtosis == pytest.approx(performance.excess_kurtosis(returns) + 3)


@pytest.mark.parametrize("returns", [noise_returns(19, 1, 0)[:, 0], np.zeros(100)])
def test_what_cannot_be_said_is_nan(returns: np.ndarray) -> None:
    estimate = sharpe_estimate(returns)
    assert math.isnan(probabilistic_sharpe(estimate))
    assert math.isnan(min_track_record(estimate))
    assert math.isnan(deflated_sharpe(estimate, 10, 0.01))
    assert min_track_record(SharpeEstimate(-0.1, 0.0, 3.0, 100)) == math.inf


def test_variance_of_trials() -> None:
    assert trial_variance([0.5, 1.5, math.nan], 252.0) == pytest.approx(0.5 / 252)
    assert math.isnan(trial_variance([1.0, math.nan], 252.0))


def test_independent_trials() -> None:
    independent, one = noise_returns(2_000, 10, 0), noise_returns(2_000, 1, 1)
    assert effective_trials(independent) == pytest.approx(10)
    assert effective_trials(np.tile(one, 10)) == pytest.approx(1)
    assert effective_trials(np.repeat(independent, 5, axis=1) * np.arange(1, 51)) <= 20
    assert effective_trials(np.column_stack([independent, np.zeros(2_000)])) == pytest.approx(10)
    assert effective_trials(np.zeros((100, 3))) == 1
    half_shared = one + noise_returns(2_000, 100, 2)
    assert effective_trials(half_shared) == pytest.approx(51, abs=2)


@given(seed=st.integers(0, 999), n_bars=st.integers(8, 40), n_trials=st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_independent_trials_against_the_definition(seed: int, n_bars: int, n_trials: int) -> None:
    returns = noise_returns(n_bars, n_trials, seed)
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(returns.T)))
    total = sum(1 + each % 1 if each >= 1 else each for each in eigenvalues + 1e-12)
    assert effective_trials(returns) == pytest.approx(np.clip(total, 1, n_trials), abs=1e-6)
    order = np.random.default_rng(seed).permutation(n_trials)
    assert effective_trials(3 * returns[:, order]) == pytest.approx(effective_trials(returns))


FAMILIES = {
    "independent": lambda rng, n: rng.standard_normal((1_000, n)),
    "half shared": lambda rng, n: rng.standard_normal((1_000, 1)) + rng.standard_normal((1_000, n)),
    "near copies": lambda rng, n: (
        np.repeat(rng.standard_normal((1_000, n // 5 + 1)), 5, axis=1)[:, :n]
        + 0.1 * rng.standard_normal((1_000, n))
    ),
    "few factors": lambda rng, n: (
        rng.standard_normal((1_000, 3)) @ rng.standard_normal((3, n))
        + 0.3 * rng.standard_normal((1_000, n))
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_trials", [2, 10, 50])
def test_the_best_of_trials_without_skill_is_seldom_called_skill(
    family: str, n_trials: int
) -> None:
    """At most about 5 %; 400 searches, the standard error of 5 % is 1.1 %."""
    rng, searches, found = np.random.default_rng(0), 400, 0
    for _ in range(searches):
        returns = FAMILIES[family](rng, n_trials)
        sharpes = performance.sharpe(returns, 252.0)
        best = sharpe_estimate(returns[:, sharpes.argmax()])
        variance = trial_variance(sharpes.tolist(), 252.0)
        found += deflated_sharpe(best, effective_trials(returns), variance) >= 0.95
    print(f"{family}, {n_trials} trials: {found / searches:.1%}")
    assert found / searches <= 0.08
