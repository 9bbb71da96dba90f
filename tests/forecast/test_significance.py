"""The test of a mean: against its definition, statsmodels and its own size on noise."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.forecast.significance import (
    MeanTest,
    Verdict,
    automatic_bandwidth,
    mean_test,
    newey_west_variance,
    verdict,
)


def slow_variance(x: list[float], bandwidth: int) -> float:
    n, mean = len(x), math.fsum(x) / len(x)
    total = 0.0
    for t in range(n):
        for s in range(n):
            weight = 1 - abs(t - s) / (bandwidth + 1)
            total += max(weight, 0.0) * (x[t] - mean) * (x[s] - mean)
    return total / n


@given(
    x=arrays(float, st.integers(2, 12), elements=st.floats(-1, 1, width=32)),
    share=st.floats(0, 1),
)
def test_variance_is_the_double_sum_of_its_definition(x: np.ndarray, share: float) -> None:
    bandwidth = int(share * (len(x) - 1))
    expected = max(slow_variance(x.tolist(), bandwidth), 0.0)
    assert newey_west_variance(x, bandwidth) == pytest.approx(expected, abs=1e-14)


def test_statistic_equals_statsmodels() -> None:
    x = np.convolve(np.random.default_rng(3).normal(0.1, 1, 300), [1, 0.5, 0.2], "valid")
    n = len(x)
    fit = sm.OLS(x, np.ones(n)).fit(cov_type="HAC", cov_kwds={"maxlags": 7})
    ours = mean_test(x, 7)
    assert ours.t == pytest.approx(float(fit.tvalues[0]) * math.sqrt((n - 1) / n), rel=1e-12)


def test_without_lags_it_is_students_t_test() -> None:
    x = np.array([1.0, 2.0, 4.0, 1.5])
    ours = mean_test(x, 0)
    assert ours.t == pytest.approx(x.mean() / (x.std(ddof=1) / 2))
    assert ours.n == 4
    assert ours.mean == pytest.approx(2.125)


def test_small_sample_factor_shrinks_overlapping_spans() -> None:
    x = np.random.default_rng(0).normal(0.3, 1, 100)
    ratio = mean_test(x, 4, horizon=5).t / mean_test(x, 4).t
    assert ratio == pytest.approx(math.sqrt((101 - 10 + 0.2) / 99))


def test_size_under_the_null_is_the_level() -> None:
    rng = np.random.default_rng(1)
    verdicts = [verdict(mean_test(rng.standard_t(4, 400))) for _ in range(1000)]
    assert verdicts.count(Verdict.BEATS) / 1000 == pytest.approx(0.025, abs=0.015)
    assert verdicts.count(Verdict.LOSES) / 1000 == pytest.approx(0.025, abs=0.015)


def test_verdicts() -> None:
    assert verdict(MeanTest(0.1, 2.1, 0.04, 50)) is Verdict.BEATS
    assert verdict(MeanTest(-0.1, -2.1, 0.04, 50)) is Verdict.LOSES
    assert verdict(MeanTest(0.1, 1.9, 0.06, 50)) is Verdict.NO_EVIDENCE
    assert verdict(MeanTest(0.1, np.nan, np.nan, 5)) is Verdict.NOT_ENOUGH_DATA
    assert str(Verdict.NO_EVIDENCE) == "NO EVIDENCE"


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_series_that_never_varies_is_no_evidence(value: float) -> None:
    assert verdict(mean_test(np.full(30, value))) is Verdict.NO_EVIDENCE


def test_bandwidth_rule() -> None:
    assert [automatic_bandwidth(n) for n in (2, 100, 1000, 2500)] == [1, 4, 6, 8]


@pytest.mark.parametrize(
    ("x", "bandwidth"), [([1.0], 0), ([1.0, np.nan], 0), ([1.0, 2.0], 2), ([1.0, 2.0], -1)]
)
def test_refuses_what_it_cannot_test(x: list[float], bandwidth: int) -> None:
    with pytest.raises(ValueError, match=r"expected|bandwidth"):
        newey_west_variance(np.array(x), bandwidth)


def test_refuses_spans_longer_than_the_series() -> None:
    with pytest.raises(ValueError, match="too few"):
        mean_test(np.arange(5.0), 4, horizon=5)
