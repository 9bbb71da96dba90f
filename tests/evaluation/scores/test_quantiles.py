"""Interpolated quantiles equal the inverted ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from forecasting.evaluation.scores.proper import PINBALL_LEVELS
from forecasting.evaluation.scores.quantiles import quantiles, standard_quantiles
from forecasting.forecast.quantile_law import LEVELS, QuantileLaw
from forecasting.forecast.student_t import StudentT

WANTED = (0.01, 0.025, *PINBALL_LEVELS, 0.975, 0.995)


@given(df=st.floats(0.3, 1e6))
def test_standard_quantiles_equal_the_inversion(df: float) -> None:
    found = standard_quantiles(np.array([df]), WANTED)[0]
    np.testing.assert_allclose(found, special.stdtrit(df, np.array(WANTED)), rtol=1e-10, atol=1e-12)


def test_student_t_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    loc, scale, df = rng.normal(size=20), rng.uniform(0.5, 2, 20), rng.uniform(2, 50, 20)
    expected = stats.t(df[:, None], loc[:, None], scale[:, None]).ppf(WANTED)
    np.testing.assert_allclose(quantiles(StudentT(loc, scale, df), WANTED), expected, rtol=1e-9)


def test_quantile_law_equals_its_own_quantile() -> None:
    rng = np.random.default_rng(1)
    law = QuantileLaw(np.sort(rng.normal(size=(20, len(LEVELS)))), rng.uniform(2, 50, 20))
    expected = np.stack([law.quantile(level) for level in WANTED], axis=-1)
    np.testing.assert_allclose(quantiles(law, WANTED), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("position", range(3))
def test_nan_stays_nan_and_spoils_nothing_else(position: int) -> None:
    parameters = [np.zeros(2), np.ones(2), np.full(2, 5.0)]
    parameters[position][0] = np.nan
    found = quantiles(StudentT(*parameters), WANTED)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
