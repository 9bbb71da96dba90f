"""Two means and their difference, with errors by date."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.forecaster.inside.contrast import contrast


def make_cells(seed: int, dates: int = 200, tickers: int = 4):
    """Values with a shock that all tickers of a date share, and cells inside by chance."""
    rng = np.random.default_rng(seed)
    date = np.tile(np.arange(dates), tickers)
    values = rng.normal(size=dates)[date] + rng.normal(size=len(date))
    return values, rng.random(len(date)) < 0.3, date


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), shift=st.floats(-5, 5), scale=st.floats(0.1, 10))
def test_it_is_the_slope_of_a_regression_on_the_indicator(seed, shift, scale):
    values, inside, date = make_cells(seed)
    found = contrast(values, inside, date)
    slope, intercept = np.polyfit(inside.astype(float), values, 1)
    assert found.difference == pytest.approx(slope)
    assert found.mean == pytest.approx(slope + intercept)
    moved = contrast(shift + scale * values, inside, date)
    assert moved.t == pytest.approx(found.t)
    assert moved.mean_error == pytest.approx(scale * found.mean_error)


@pytest.mark.parametrize("by_date", [False, True])
def test_chance_is_called_a_difference_one_time_in_twenty(by_date):
    """Also where whole dates are inside, whose cells are no independent witnesses."""
    p = []
    for seed in range(300):
        values, inside, date = make_cells(seed)
        p.append(contrast(values, inside[date] if by_date else inside, date).p)
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


def test_a_planted_difference_is_found():
    values, inside, date = make_cells(0)
    found = contrast(values + inside, inside, date)
    assert found.difference == pytest.approx(1, abs=0.3)
    assert found.t > 5
    assert (found.cells, found.dates) == (inside.sum(), len(np.unique(date[inside])))


def test_too_few_dates_are_not_tested():
    values, _, date = make_cells(0)
    few = contrast(values, date < 19, date)
    assert np.isfinite(few.difference)
    assert np.isnan([few.t, few.p, few.mean_error]).all()
    everything = contrast(values, np.full(len(date), True), date)
    assert np.isnan([everything.t, everything.difference]).all()
    assert everything.mean_error > 0
    nothing = contrast(values, np.full(len(date), False), date)
    assert np.isnan([nothing.mean, nothing.t]).all()
