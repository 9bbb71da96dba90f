"""Student-t likelihood and fit: derivatives against differences, scipy and planted truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from forecasting.errors import DataError
from forecasting.forecast.fit import DF_BOUNDS, fit_student_t, likelihood, require_converged


@given(
    y=st.floats(-20, 20), loc=st.floats(-1, 1), log_scale=st.floats(-2, 2), df=st.floats(2.1, 190)
)
def test_likelihood_and_its_derivatives(y: float, loc: float, log_scale: float, df: float) -> None:
    def nll(loc: float, log_scale: float, df: float) -> float:
        return -float(stats.t.logpdf(y, df, loc, np.exp(log_scale)))

    ours = likelihood(np.array([y]), loc, log_scale, df)
    step = 1e-5
    numeric = [
        (nll(loc + step, log_scale, df) - nll(loc - step, log_scale, df)) / (2 * step),
        (nll(loc, log_scale + step, df) - nll(loc, log_scale - step, df)) / (2 * step),
        (nll(loc, log_scale, df + step) - nll(loc, log_scale, df - step)) / (2 * step),
    ]
    assert ours.nll[0] == pytest.approx(nll(loc, log_scale, df), rel=1e-9)
    analytic = [ours.d_loc[0], ours.d_log_scale[0], ours.d_df[0]]
    np.testing.assert_allclose(analytic, numeric, rtol=1e-4, atol=1e-6)


def test_rows_have_their_own_location_and_scale() -> None:
    y, loc, log_scale = np.array([0.1, 2.0]), np.array([0.0, 1.0]), np.array([-1.0, 0.5])
    together = likelihood(y, loc, log_scale, 5.0)
    for k in range(2):
        alone = likelihood(y[k : k + 1], loc[k], log_scale[k], 5.0)
        np.testing.assert_allclose([part[k] for part in together], [part[0] for part in alone])


@pytest.mark.parametrize(("scale", "df"), [(0.85, 4.0), (0.01, 8.0), (1e5, 2.6)])
def test_planted_law_is_recovered(scale: float, df: float) -> None:
    z = scale * np.random.default_rng(0).standard_t(df, 100_000)
    fit = fit_student_t(z)
    assert fit.scale == pytest.approx(scale, rel=0.02)
    assert fit.df == pytest.approx(df, rel=0.06)


def test_fit_equals_scipys_slow_one() -> None:
    z = 0.7 * np.random.default_rng(1).standard_t(5, 2_000)
    df, _, scale = stats.t.fit(z, floc=0)
    fit = fit_student_t(z)
    np.testing.assert_allclose([fit.scale, fit.df], [scale, df], rtol=1e-3)


@given(factor=st.floats(1e-6, 1e6))
def test_fit_follows_the_unit(factor: float) -> None:
    z = np.random.default_rng(2).standard_t(6, 300)
    one, many = fit_student_t(z), fit_student_t(factor * z)
    assert many.scale == pytest.approx(factor * one.scale, rel=1e-5)
    assert many.df == pytest.approx(one.df, rel=1e-4)


def test_degrees_of_freedom_stay_inside_their_bounds() -> None:
    rng = np.random.default_rng(3)
    assert fit_student_t(rng.uniform(-1, 1, 1_000)).df == pytest.approx(DF_BOUNDS[1])
    assert fit_student_t(rng.standard_cauchy(1_000)).df == pytest.approx(DF_BOUNDS[0])


def test_an_outlier_hardly_moves_the_scale() -> None:
    z = np.random.default_rng(4).standard_t(6, 10_000)
    spoiled = np.append(z, 1e4)
    assert fit_student_t(spoiled).scale == pytest.approx(fit_student_t(z).scale, rel=0.05)


@pytest.mark.parametrize("z", [np.ones(29), np.append(np.ones(40), np.nan)])
def test_refuses_too_few_and_missing_values(z: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite values"):
        fit_student_t(z)


def test_refuses_returns_that_are_mostly_zero() -> None:
    with pytest.raises(DataError, match=r"exactly zero.*Drop the tickers"):
        fit_student_t(np.append(np.zeros(60), np.linspace(-1, 1, 50)))


def test_refuses_a_search_that_stopped_on_the_way() -> None:
    stopped = optimize.OptimizeResult(
        success=False, x=np.zeros(2), jac=np.array([0.0, 0.3]), message="too many steps"
    )
    with pytest.raises(DataError, match=r"linear-t did not converge \(too many steps\)"):
        require_converged(stopped, "linear-t")
    stopped.jac = np.array([0.0, 1e-9])
    require_converged(stopped, "linear-t")
