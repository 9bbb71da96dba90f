"""The calibrated law against integrals over its quantiles, and against the law that it bends."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import special

from forecasting.forecast.band_warp import BAND_LEVELS, NOMINAL, log_odds
from forecasting.forecast.calibrated_law import CalibratedLaw
from forecasting.forecast.law import Law
from forecasting.forecast.quantile_law import LEVELS, QuantileLaw
from forecasting.forecast.student_t import StudentT

SCALE = 0.01
POINTS = np.array([-0.4, -0.03, -0.011, 0.0004, 0.002, 0.02, 0.09])
WARPS = [(1.5, 1.5, 1.6, 1.7), (0.6, 0.7, 0.8, 0.7), (2.5, 1.6, 1.5, 1.4), (0.2, 0.9, 1.0, 1.2)]


def student(df: float, n: int = 1) -> StudentT:
    return StudentT(np.full(n, 0.001), np.full(n, SCALE), np.full(n, df))


def bent(df: float, seed: int = 1) -> QuantileLaw:
    gaps = np.diff(special.stdtrit(df, LEVELS))
    gaps *= np.exp(np.random.default_rng(seed).uniform(-0.4, 0.4, len(gaps)))
    return QuantileLaw(SCALE * (np.append(0, gaps.cumsum()) - gaps.sum() / 2)[None], np.array([df]))


def calibrated(base: Law, ratios: tuple[float, ...]) -> CalibratedLaw:
    return CalibratedLaw(base, np.tile(NOMINAL * ratios, (*base.shape, 1)))


ODDS = np.linspace(-75, 34, 400_001)  # beyond 34, 1 - p is no number any more


def many(law: Law) -> tuple[Law, np.ndarray, np.ndarray]:
    """The law again and again, its quantiles at `ODDS`, and the probability of each."""
    repeated = law.map(lambda x: np.repeat(x, len(ODDS), axis=0))
    weight = special.expit(ODDS) * special.expit(-ODDS) * (ODDS[1] - ODDS[0])
    return repeated, repeated.quantile(special.expit(ODDS)), weight


@pytest.mark.parametrize("base", [student(4.0), student(2.5), bent(5.0)])
def test_nominal_thresholds_change_nothing(base: Law) -> None:
    law = calibrated(base, (1.0,) * len(BAND_LEVELS))
    for y in POINTS:
        at = np.array([y])
        for name in ("log_density", "distribution", "exceedance", "crps"):
            ours, theirs = getattr(law, name)(at), getattr(base, name)(at)
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, err_msg=name)
    for level in (1e-6, 0.01, 0.3, 0.5, 0.97):
        np.testing.assert_allclose(law.quantile(level), base.quantile(level), rtol=1e-10)
        ours, theirs = law.expected_shortfall(level), base.expected_shortfall(level)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    np.testing.assert_allclose(law.mean, base.mean, atol=1e-15)
    np.testing.assert_allclose(law.standard_deviation(), base.standard_deviation(), rtol=1e-10)


@pytest.mark.parametrize("ratios", WARPS)
def test_a_band_ends_where_the_threshold_says(ratios: tuple[float, ...]) -> None:
    base = student(4.0)
    law = calibrated(base, ratios)
    for i, level in enumerate(BAND_LEVELS):
        for p in ((1 - level) / 2, (1 + level) / 2):
            end = law.quantile(p)
            np.testing.assert_allclose(log_odds(base, end), NOMINAL[i] * ratios[i], rtol=1e-8)
            np.testing.assert_allclose(law.distribution(end), p, rtol=1e-9)
        called = base.distribution(law.quantile((1 + level) / 2)) * 2 - 1
        np.testing.assert_allclose(law.model_level(level), called, rtol=1e-8)


@given(
    gaps=st.lists(st.floats(0.1, 5), min_size=4, max_size=4),
    df=st.floats(2.1, 50),
    y=st.floats(-1, 1),
)
@example(gaps=[1.0, 3.0, 5.0, 5.0], df=32.0, y=0.125)
@settings(max_examples=60)
def test_distribution_and_quantile_are_inverse(gaps: list[float], df: float, y: float) -> None:
    base = student(df)
    law = CalibratedLaw(base, np.cumsum(gaps)[None])
    p = law.distribution(np.array([y]))
    np.testing.assert_allclose(p + law.exceedance(np.array([y])), 1.0, rtol=1e-12)
    if 1e-9 < p[0] < 1 - 1e-9:
        # The model's level above its median is 1 - tail, rounded: y moves by that over its density.
        rounding = np.finfo(float).eps / np.exp(base.log_density(np.array([y]))[0])
        atol = 1e-9 + (2 * rounding if y > base.mean[0] else 0.0)
        np.testing.assert_allclose(law.quantile(p), y, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("ratios", WARPS)
@pytest.mark.parametrize("base", [student(3.0), bent(5.0)])
def test_the_density_is_the_slope_of_the_distribution(base: Law, ratios: tuple[float, ...]) -> None:
    law = calibrated(base, ratios)
    for y in POINTS:
        step = 1e-7
        below, above = np.array([y - step]), np.array([y + step])
        slope = (law.distribution(above) - law.distribution(below)) / (2 * step)
        if y > 0:
            slope = (law.exceedance(below) - law.exceedance(above)) / (2 * step)
        np.testing.assert_allclose(np.exp(law.log_density(np.array([y]))), slope, rtol=1e-5)


@pytest.mark.parametrize("ratios", WARPS)
@pytest.mark.parametrize(("base", "accuracy"), [(student(5.0), 1e-5), (bent(5.0), 2e-3)])
def test_moments_are_the_integrals_of_their_definitions(
    base: Law, accuracy: float, ratios: tuple[float, ...]
) -> None:
    law, unit = calibrated(base, ratios), SCALE * accuracy
    repeated, values, weight = many(law)
    mean = values @ weight
    np.testing.assert_allclose(law.mean, mean, atol=unit)
    deviation = np.sqrt((values - mean) ** 2 @ weight)
    np.testing.assert_allclose(law.standard_deviation(), deviation, rtol=accuracy)
    spread = values * (2 * repeated.distribution(values) - 1) @ weight
    for y in POINTS:
        score = np.abs(values - y) @ weight - spread
        np.testing.assert_allclose(law.crps(np.array([y])), score, atol=unit)
    for level in (0.003, 0.05, 0.6, 0.99):
        worst = np.minimum(values, law.quantile(level))
        worst = (worst @ weight - (1 - level) * law.quantile(level)) / level
        np.testing.assert_allclose(law.expected_shortfall(level), worst, atol=unit)


def test_the_deviation_is_infinite_where_the_models_is() -> None:
    assert calibrated(student(2.0), WARPS[0]).standard_deviation() == [np.inf]


def test_far_out_it_is_the_models_tail_times_a_constant() -> None:
    base = student(4.0)
    law, far = calibrated(base, WARPS[0]), np.array([5.0])
    np.testing.assert_allclose(law.exceedance(far) / base.exceedance(far), law.warp.tail_factor)
    impossible = calibrated(student(500.0), WARPS[0]).log_density(np.array([1e3]))
    assert np.isfinite(impossible).all()


def test_cells_are_independent_and_unknown_ones_stay_unknown() -> None:
    base = StudentT(np.zeros(3), np.array([SCALE, np.nan, 2 * SCALE]), np.full(3, 4.0))
    law = CalibratedLaw(base, NOMINAL * np.array([[1.2], [1.0], [0.8]]))
    assert law.known.tolist() == [True, False, True]
    y = np.full(3, 0.02)
    for answer in (law.mean, law.standard_deviation(), law.crps(y), law.log_density(y)):
        assert np.isnan(answer).tolist() == [False, True, False]
    np.testing.assert_array_equal(law[2:].crps(y[2:]), law.crps(y)[2:])
    doubled = law.scaled(np.full(3, 2.0))
    np.testing.assert_allclose(doubled.crps(2 * y), 2 * law.crps(y))
    assert set(law.columns()) == {"mean", "model_level90"}


@pytest.mark.parametrize("threshold", [(1.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 3.0)])
def test_bands_that_cross_are_refused(threshold: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="not positive and increasing"):
        CalibratedLaw(student(4.0), np.array([threshold])).distribution(np.zeros(1))
    with pytest.raises(ValueError, match="threshold has shape"):
        CalibratedLaw(student(4.0, 2), np.array([threshold]))
