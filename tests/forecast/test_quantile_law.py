"""Closed forms of the quantile law against integrals, the Student-t and the laws of probability."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from forecasting.config import QUANTILE_LEVELS
from forecasting.forecast.law import Law
from forecasting.forecast.quantile_law import LEVELS, QuantileLaw
from forecasting.forecast.student_t import StudentT

KNOTS = slice(1, -1)


def bent(df: float, seed: int, unit: float = 1.0) -> QuantileLaw:
    """One law whose gaps are up to e times as wide, or as narrow, as those of a Student-t."""
    rng = np.random.default_rng(seed)
    gaps = np.diff(special.stdtrit(df, LEVELS)) * np.exp(rng.uniform(-1, 1, len(LEVELS) - 1))
    values = rng.normal() + np.append(0, gaps.cumsum())
    return QuantileLaw(unit * values[None], np.array([df]))


def straight(loc: float, scale: float, df: float) -> tuple[QuantileLaw, StudentT]:
    """The same law twice: through the quantiles of a Student-t, and that itself."""
    truth = StudentT(np.array([loc]), np.array([scale]), np.array([df]))
    return QuantileLaw(truth.quantile(LEVELS)[None], truth.df), truth


LAWS = [bent(2.2, 0), bent(4.0, 1, 0.02), bent(12.0, 2), bent(100.0, 3)]
POINTS = np.array([-30.0, -2.0, -0.4, 0.1, 0.9, 3.0, 40.0])


def expectation(law: QuantileLaw, function: Any, upto: float = 1.0) -> float:
    """Integral of function(Q(p), p) dp up to a level, piece after piece, in the slow way.

    In u = logit(p), in which the tails fall exponentially.
    """

    def integrand(u: float) -> float:
        p = special.expit(u)
        value = float(law.quantile(np.array([p]))[0])
        return float(function(value, p) * p * special.expit(-u))

    ends = special.logit([1e-30, *(p for p in QUANTILE_LEVELS[KNOTS] if p < upto), upto])
    ends[-1] = min(ends[-1], 34.0)  # 1 - p still is a number there
    parts = [
        integrate.quad(integrand, low, high, limit=500, epsabs=1e-13, epsrel=1e-10)[0]
        for low, high in pairwise(ends)
    ]
    return sum(parts)


@pytest.mark.parametrize("law", LAWS)
def test_it_passes_through_its_quantiles(law: QuantileLaw) -> None:
    np.testing.assert_allclose(law.quantile(LEVELS), law.values[0], rtol=1e-9)
    np.testing.assert_allclose(law.distribution(law.values[0]), LEVELS, rtol=1e-9)
    np.testing.assert_allclose(law.exceedance(law.values[0]), 1 - LEVELS, rtol=1e-9)


@pytest.mark.parametrize(("loc", "scale", "df"), [(0.0, 1.0, 2.5), (0.3, 0.02, 4), (-1, 3, 30)])
def test_through_the_quantiles_of_a_student_t_it_is_that_law(
    loc: float, scale: float, df: float
) -> None:
    law, truth = straight(float(loc), float(scale), float(df))
    y, levels = loc + scale * POINTS, np.array([1e-6, 0.003, 0.2, 0.5, 0.93, 0.9999])
    for name in ("log_density", "distribution", "exceedance", "crps"):
        ours, theirs = getattr(law, name)(y), getattr(truth, name)(y)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, err_msg=name)
    np.testing.assert_allclose(law.quantile(levels), truth.quantile(levels), rtol=1e-9)
    np.testing.assert_allclose(law.mean, truth.mean, atol=1e-12 * scale)
    np.testing.assert_allclose(law.standard_deviation(), truth.standard_deviation(), rtol=1e-9)
    for level in (0.001, 0.05, 0.5, 0.97):
        found, expected = law.expected_shortfall(level), truth.expected_shortfall(level)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * scale)
        np.testing.assert_allclose(law.interval_width(level), truth.interval_width(level))


@pytest.mark.parametrize("law", LAWS)
def test_the_density_is_the_slope_of_the_distribution_and_holds_one(law: QuantileLaw) -> None:
    unit = law.values[0, -1] - law.values[0, 0]
    y, step = law.values[0, 4] + unit * np.array([-2.0, -0.3, 0.013, 0.2, 3.0]), 1e-6 * unit
    rise = law.distribution(y + step) - law.distribution(y - step)
    fall = law.exceedance(y - step) - law.exceedance(y + step)
    slope = np.where(y < law.mean, rise, fall) / (2 * step)
    np.testing.assert_allclose(np.exp(law.log_density(y)), slope, rtol=1e-5)
    ends = [-np.inf, *law.values[0, KNOTS], np.inf]
    mass = [
        integrate.quad(lambda v: float(np.exp(law.log_density(np.array([v])))[0]), low, high)[0]
        for low, high in pairwise(ends)
    ]
    np.testing.assert_allclose(mass, np.diff([0, *QUANTILE_LEVELS[KNOTS], 1]), rtol=1e-6)


@pytest.mark.parametrize("law", LAWS)
def test_mean_and_deviation_are_the_integrals_of_their_definitions(law: QuantileLaw) -> None:
    mean = expectation(law, lambda value, _: value)
    np.testing.assert_allclose(law.mean, mean, rtol=1e-6, atol=1e-8)
    if law.df[0] > 3:  # the slow integral of the square does not reach far enough below that
        variance = expectation(law, lambda value, _: (value - mean) ** 2)
        np.testing.assert_allclose(law.standard_deviation() ** 2, variance, rtol=1e-5)


def test_the_deviation_is_infinite_up_to_two_degrees_of_freedom() -> None:
    values = np.tile(np.arange(9.0), (3, 1))
    deviation = QuantileLaw(values, np.array([1.5, 2.0, 2.1])).standard_deviation()
    np.testing.assert_array_equal(np.isinf(deviation), [True, True, False])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("level", [0.003, 0.05, 0.4, 0.75, 0.995])
def test_shortfall_is_the_mean_of_the_quantiles_below(law: QuantileLaw, level: float) -> None:
    mean = expectation(law, lambda value, _: value, upto=level) / level
    np.testing.assert_allclose(law.expected_shortfall(level), mean, rtol=1e-6)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("at", [-0.7, 0.004, 0.3, 0.55, 0.9, 1.6])
def test_crps_is_the_integral_of_its_definition(law: QuantileLaw, at: float) -> None:
    """Of the squared distance between the distributions of forecast and outcome."""
    low, high = law.values[0, [0, -1]]
    y = low + at * (high - low)
    ends = sorted({-np.inf, np.inf, y, *law.values[0, KNOTS]})
    parts = [
        integrate.quad(
            lambda v: float((law.distribution if v < y else law.exceedance)(np.array([v]))[0] ** 2),
            first,
            last,
            limit=500,
        )[0]
        for first, last in pairwise(ends)
    ]
    np.testing.assert_allclose(law.crps(np.array([y])), sum(parts), rtol=1e-6)


@pytest.mark.parametrize("law", LAWS[1:])
def test_crps_is_the_mean_pinball_loss_of_all_quantiles(law: QuantileLaw) -> None:
    y = float(law.values[0, 2]) + 0.1
    loss = expectation(law, lambda value, p: 2 * ((y < value) - p) * (value - y))
    np.testing.assert_allclose(law.crps(np.array([y])), loss, rtol=1e-5)


laws = st.builds(bent, df=st.floats(2.05, 200), seed=st.integers(0, 10_000))


@given(law=laws, low=st.floats(1e-6, 0.999), step=st.floats(1e-4, 0.5))
def test_quantiles_ascend_and_invert_the_distribution(
    law: QuantileLaw, low: float, step: float
) -> None:
    levels = np.array([low, min(low + step, 0.9999)])
    quantiles = law.quantile(levels)
    assert quantiles[0] < quantiles[1]
    np.testing.assert_allclose(law.distribution(quantiles), levels, rtol=1e-6)
    np.testing.assert_allclose(law.exceedance(quantiles), 1 - levels, rtol=1e-6)


@given(law=laws, unit=st.floats(1e-4, 1e3), x=st.floats(-50, 50))
def test_everything_follows_the_unit(law: QuantileLaw, unit: float, x: float) -> None:
    y, units = np.array([x]), np.array([unit])
    many = law.scaled(units)
    np.testing.assert_allclose(many.distribution(unit * y), law.distribution(y), rtol=1e-6)
    density = law.log_density(y) - np.log(unit)
    np.testing.assert_allclose(many.log_density(unit * y), density, rtol=1e-6, atol=1e-6)
    for found, expected in (
        (many.mean, law.mean),
        (many.standard_deviation(), law.standard_deviation()),
        (many.quantile(0.03), law.quantile(0.03)),
        (many.expected_shortfall(0.1), law.expected_shortfall(0.1)),
        (many.crps(unit * y), law.crps(y)),
    ):
        np.testing.assert_allclose(found, unit * expected, rtol=1e-6, atol=1e-9 * unit)


@given(law=laws, x=st.floats(-100, 100))
def test_crps_is_positive_and_no_further_than_the_outcome_lies(law: QuantileLaw, x: float) -> None:
    y = np.array([x])
    assert 0 < law.crps(y) <= np.abs(y - law.quantile(0.5)) + law.standard_deviation()


def test_the_tails_fall_with_the_power_of_the_student_t() -> None:
    far = np.array([1e5, 1e6])
    ratio = np.divide(*LAWS[1].exceedance(far))
    assert ratio == pytest.approx(10**4, rel=1e-3)


def test_cells_are_judged_one_by_one_and_nan_stays_alone() -> None:
    df = np.array([[3.0, 5.0, 8.0], [5.0, np.nan, 5.0]])
    values = np.stack(
        [np.stack([bent(4.0, 3 * i + j).values[0] for j in range(3)]) for i in (0, 1)]
    )
    values[0, 1, 3] = np.nan
    law: Law = QuantileLaw(values, df)
    known = np.array([[True, False, True], [True, False, True]])
    np.testing.assert_array_equal(law.known, known)
    y = np.linspace(-1, 1, 6).reshape(2, 3)
    for score in ("log_density", "crps"):
        found = getattr(law, score)(y)
        for at in zip(*np.nonzero(known), strict=True):
            alone = law[at[0] : at[0] + 1, at[1]]
            expected = getattr(alone, score)(y[at[0] : at[0] + 1, at[1]])
            np.testing.assert_allclose(found[at], expected[0], rtol=1e-12)
    assert np.isnan(law.mean[~known]).all()
    assert np.isnan(law.standard_deviation()[~known]).all()
    assert np.isnan(law.quantile(0.5)[1, 1])
    np.testing.assert_array_equal(law[::-1].known, known[::-1])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 9)), "do not increase"),
        (np.tile(np.arange(9.0)[::-1], (2, 1)), "do not increase"),
        (np.zeros((2, 8)), r"values has shape \(2, 8\), expected \(2, 9\)"),
    ],
)
def test_refuses_quantiles_that_are_none(values: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QuantileLaw(values, np.full(2, 5.0))


def test_levels_are_symmetric_and_hold_the_bands() -> None:
    np.testing.assert_allclose(LEVELS + LEVELS[::-1], 1)
    assert stats.t(5).ppf(LEVELS[4]) == pytest.approx(0, abs=1e-12)
