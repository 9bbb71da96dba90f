"""Location against no change: closed forms, and that no drift is claimed where there is none."""

import numpy as np
import pytest
from evaluation.scores.panels import cells_of, common_shocks, law_of
from hypothesis import given
from hypothesis import strategies as st

from forecasting.evaluation.scores.point import (
    out_of_sample_r2,
    relative_absolute_error,
    squared_error_gain,
)
from forecasting.forecast.student_t import StudentT


def test_r2_is_against_zero() -> None:
    part = cells_of(np.ones((100, 2)), law=law_of((100, 2), loc=0.1))
    assert out_of_sample_r2(part, "law") == pytest.approx(1 - 0.9**2)
    assert relative_absolute_error(part, "law") == pytest.approx(0.9)


@given(seed=st.integers(0, 1_000))
def test_r2_and_absolute_error_equal_loops_over_dates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    returns, loc = rng.normal(size=(30, 3)), 0.1 * rng.normal(size=90)
    part = cells_of(returns, law=StudentT(loc, np.ones(90), np.full(90, 5.0)))
    table, off = returns, returns - loc.reshape(30, 3)
    total = np.mean([np.mean(row**2) for row in table])
    assert out_of_sample_r2(part, "law") == pytest.approx(
        1 - np.mean([np.mean(row**2) for row in off]) / total
    )
    assert relative_absolute_error(part, "law") == pytest.approx(
        np.abs(off).mean() / np.abs(returns).mean()
    )


def test_no_forecast_of_direction_explains_nothing() -> None:
    returns = common_shocks(np.random.default_rng(0), 100, 3)
    part = cells_of(returns, law=law_of(returns.shape))
    assert out_of_sample_r2(part, "law") == 0
    assert not squared_error_gain(part, "law").any()
    assert relative_absolute_error(part, "law") == pytest.approx(1)


def test_prices_that_do_not_move_have_no_r2() -> None:
    part = cells_of(np.zeros((100, 2)), law=law_of((100, 2)))
    assert np.isnan([out_of_sample_r2(part, "law"), relative_absolute_error(part, "law")]).all()


def test_a_planted_location_is_recovered() -> None:
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(2_000, 5))
    returns = 0.2 * signal + np.sqrt(1 - 0.04) * common_shocks(rng, 2_000, 5)
    law = StudentT(0.2 * signal.ravel(), np.ones(10_000), np.full(10_000, 200.0))
    part = cells_of(returns, law=law)
    assert out_of_sample_r2(part, "law") == pytest.approx(0.04, abs=0.01)
    gain = squared_error_gain(part, "law")
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))
