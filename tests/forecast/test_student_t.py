"""Closed forms of the Student-t against scipy.stats, numerical integration and scoringrules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from forecasting.forecast.student_t import StudentT

LAWS = [(0.0, 1.0, 2.5), (0.3, 0.02, 4.0), (-1.0, 3.0, 30.0)]


def arrays(*values: float) -> tuple[np.ndarray, ...]:
    return tuple(np.array([value]) for value in values)


@pytest.mark.parametrize(("loc", "scale", "df"), LAWS)
def test_density_distribution_quantile_and_deviation_equal_scipy(
    loc: float, scale: float, df: float
) -> None:
    law = stats.t(df, loc, scale)
    y = loc + scale * np.array([-40.0, -2.0, -0.1, 0.0, 0.5, 7.0])
    levels = np.array([0.001, 0.25, 0.5, 0.9, 0.9999])
    ours = StudentT(*arrays(loc, scale, df))
    np.testing.assert_allclose(ours.log_density(y), law.logpdf(y), rtol=1e-12)
    np.testing.assert_allclose(ours.distribution(y), law.cdf(y), rtol=1e-9)
    np.testing.assert_allclose(ours.exceedance(y), law.sf(y), rtol=1e-9)
    np.testing.assert_allclose(ours.quantile(levels), law.ppf(levels), rtol=1e-9)
    np.testing.assert_allclose(ours.standard_deviation(), law.std(), rtol=1e-12)
    low, high = law.interval(0.8)
    np.testing.assert_allclose(ours.interval_width(0.8), high - low, rtol=1e-9)


def test_standard_deviation_is_infinite_up_to_two_degrees_of_freedom() -> None:
    law = StudentT(np.zeros(3), np.ones(3), np.array([1.5, 2.0, 2.1]))
    deviation = law.standard_deviation()
    assert np.isinf(deviation[:2]).all()
    assert np.isfinite(deviation[2])


@pytest.mark.parametrize(("loc", "scale", "df"), LAWS)
@pytest.mark.parametrize("x", [-6.0, -0.4, 0.0, 2.0])
def test_crps_is_the_integral_of_its_definition(
    loc: float, scale: float, df: float, x: float
) -> None:
    law, y = stats.t(df, loc, scale), loc + scale * x
    below, _ = integrate.quad(lambda v: law.cdf(v) ** 2, -np.inf, y, limit=200)
    above, _ = integrate.quad(lambda v: law.sf(v) ** 2, y, np.inf, limit=200)
    ours = StudentT(*arrays(loc, scale, df)).crps(np.array([y]))
    np.testing.assert_allclose(ours, below + above, rtol=1e-6)


@pytest.mark.oracle
def test_crps_equals_scoringrules() -> None:
    scoringrules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(0)
    y, loc, scale, df = (
        rng.normal(size=200),
        rng.normal(size=200),
        rng.uniform(0.1, 3, 200),
        rng.uniform(1.5, 50, 200),
    )
    theirs = scoringrules.crps_t(y, df, loc, scale)
    np.testing.assert_allclose(StudentT(loc, scale, df).crps(y), theirs, rtol=1e-9)


@pytest.mark.parametrize(("loc", "scale", "df"), LAWS)
@pytest.mark.parametrize("level", [0.01, 0.05, 0.5])
def test_expected_shortfall_is_the_mean_of_the_quantiles_below(
    loc: float, scale: float, df: float, level: float
) -> None:
    law = stats.t(df, loc, scale)
    mean, _ = integrate.quad(lambda v: v * law.pdf(v), -np.inf, law.ppf(level), limit=200)
    ours = StudentT(*arrays(loc, scale, df)).expected_shortfall(level)
    np.testing.assert_allclose(ours, mean / level, rtol=1e-6)


@given(
    low=st.floats(0.001, 0.998),
    step=st.floats(1e-4, 0.5),
    scale=st.floats(1e-6, 10),
    df=st.floats(1.1, 300),
)
def test_quantiles_ascend_and_invert_the_distribution(
    low: float, step: float, scale: float, df: float
) -> None:
    law = StudentT(*arrays(0.1, scale, df))
    levels = np.array([low, min(low + step, 0.999)])
    quantiles = law.quantile(levels)
    assert quantiles[0] < quantiles[1]
    np.testing.assert_allclose(law.distribution(quantiles), levels, rtol=1e-7)


@given(x=st.floats(-50, 50), scale=st.floats(1e-4, 10), df=st.floats(1.1, 200))
def test_crps_is_positive_and_scales_with_the_unit(x: float, scale: float, df: float) -> None:
    one = StudentT(*arrays(0.0, 1.0, df))
    many = one.scaled(np.array([scale])).crps(np.array([x * scale]))
    one = one.crps(np.array([x]))
    assert one > 0
    np.testing.assert_allclose(many, scale * one, rtol=1e-9)
