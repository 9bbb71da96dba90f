"""Tests of hit series against scipy and statsmodels, their size, and what they find."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS

from forecasting.evaluation.scores.hits import (
    DQ_LAGS,
    conditional_coverage,
    dynamic_quantile,
    independence,
    kupiec,
)

LEVEL = 0.05


def ragged(seed: int, n: int = 400, series: int = 6, level: float = LEVEL) -> np.ndarray:
    """Independent hits, one column a ticker, of different lengths."""
    rng = np.random.default_rng(seed)
    hits = (rng.random((n, series)) < level).astype(float)
    for k in range(series):
        hits[n - 20 * k :, k] = np.nan
    return hits


def clustered(rng: np.random.Generator, n: int, series: int) -> np.ndarray:
    """Hits of which every third is followed by another; 5 % in all."""
    hits = np.zeros((n, series))
    for t in range(1, n):
        chance = np.where(hits[t - 1] == 1, 0.35, 0.05 * 0.65 / 0.95)
        hits[t] = rng.random(series) < chance
    return hits


@given(seed=st.integers(0, 1_000))
def test_kupiec_equals_binomial_likelihoods(seed: int) -> None:
    hits = ragged(seed)
    test = kupiec(hits, LEVEL)
    for k, column in enumerate(hits.T):
        column = column[np.isfinite(column)]
        n, x = len(column), int(column.sum())
        ratio = 2 * (stats.binom.logpmf(x, n, x / n) - stats.binom.logpmf(x, n, LEVEL))
        assert test.statistic[k] == pytest.approx(ratio, abs=1e-9)
        assert test.p[k] == pytest.approx(stats.chi2.sf(ratio, 1))


@given(seed=st.integers(0, 1_000))
def test_independence_is_the_g_test_of_the_transitions(seed: int) -> None:
    hits = ragged(seed)
    test, both = independence(hits, LEVEL), conditional_coverage(hits, LEVEL)
    for k, column in enumerate(hits.T):
        column = column[np.isfinite(column)].astype(int)
        counts = np.zeros((2, 2))
        np.add.at(counts, (column[:-1], column[1:]), 1)
        if (counts.sum(axis=0) * counts.sum(axis=1)).min() > 0:
            expected = stats.chi2_contingency(counts, False, "log-likelihood")
            assert test.statistic[k] == pytest.approx(expected.statistic, abs=1e-9)
            assert test.p[k] == pytest.approx(expected.pvalue)
        total = kupiec(hits, LEVEL).statistic[k] + test.statistic[k]
        assert both.p[k] == pytest.approx(stats.chi2.sf(total, 2))


def test_dynamic_quantile_is_an_explained_sum_of_squares() -> None:
    hits = ragged(3)
    risk = -np.abs(np.random.default_rng(4).normal(1, 0.2, hits.shape))
    test = dynamic_quantile(hits, risk, LEVEL)
    for k, column in enumerate(hits.T):
        n = int(np.isfinite(column).sum())
        h = column[:n] - LEVEL
        lags = [h[DQ_LAGS - lag : n - lag] for lag in range(1, DQ_LAGS + 1)]
        x = np.column_stack([np.ones(n - DQ_LAGS), *lags, risk[DQ_LAGS:n, k]])
        fitted = OLS(h[DQ_LAGS:], x).fit().fittedvalues
        expected = fitted @ fitted / (LEVEL * (1 - LEVEL))
        assert test.statistic[k] == pytest.approx(expected)
        assert test.p[k] == pytest.approx(stats.chi2.sf(expected, DQ_LAGS + 2))


def test_size_under_independent_hits() -> None:
    rng = np.random.default_rng(5)
    hits = (rng.random((1_000, 800)) < LEVEL).astype(float)
    risk = -rng.uniform(1, 2, hits.shape)
    tests = [kupiec(hits, LEVEL), independence(hits, LEVEL), conditional_coverage(hits, LEVEL)]
    for test in (*tests, dynamic_quantile(hits, risk, LEVEL)):
        # chi^2 is rough at fifty hits: the tests are known to reject up to 9 %.
        assert 0.02 < np.mean(test.p < 0.05) < 0.1


def test_each_test_finds_what_it_is_for() -> None:
    rng = np.random.default_rng(6)
    many = (rng.random((1_000, 50)) < 2 * LEVEL).astype(float)
    close = clustered(rng, 1_000, 50)
    risk = -rng.uniform(1, 2, many.shape)
    assert np.mean(kupiec(many, LEVEL).p < 0.05) > 0.95
    assert np.mean(independence(close, LEVEL).p < 0.05) > 0.9
    assert np.mean(dynamic_quantile(close, risk, LEVEL).p < 0.05) > 0.9
    assert np.mean(conditional_coverage(close, LEVEL).p < 0.05) > 0.8


def test_too_few_expected_hits_are_no_test() -> None:
    hits, risk = np.zeros((400, 2)), -np.ones((400, 2))
    for test in (kupiec(hits, 0.01), independence(hits, 0.01), dynamic_quantile(hits, risk, 0.01)):
        assert np.isnan(test.p).all()
    assert np.isfinite(kupiec(hits, LEVEL).p).all()
    # Without hits, or at one value at risk, the regression has no answer.
    assert np.isnan(dynamic_quantile(hits, risk, LEVEL).p).all()
    assert np.isnan(dynamic_quantile(hits[:3], risk[:3], LEVEL).p).all()
