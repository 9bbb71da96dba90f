"""The slice that baselines choose on: purged, later, and inside the training rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from forecasting.errors import DataError
from forecasting.evaluation.baselines.tuning import LEAST_ROWS, scale_losses, tuning_slice
from forecasting.forecast.fit import fit_student_t
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


@settings(max_examples=10, deadline=None)
@given(end=st.integers(300, 600), horizons=st.sampled_from([(1,), (1, 5, 21), (5, 40)]))
def test_every_label_to_fit_on_is_known_before_the_first_row_to_choose_on(
    prices: Panel, end: int, horizons: tuple[int, ...]
) -> None:
    sequences = make_sequences(prices, horizons=horizons)
    rows = sequences.last_label < end
    fit_rows, choose_rows = tuning_slice(sequences, rows)
    first = sequences.origin[choose_rows].min()
    assert sequences.last_label[fit_rows].max() < first
    assert (rows[fit_rows]).all()
    assert (rows[choose_rows]).all()
    np.testing.assert_array_equal(choose_rows, rows & (sequences.origin >= first))
    # Nothing else is left out.
    purged = rows & ~fit_rows & ~choose_rows
    assert (sequences.last_label[purged] >= first).all()
    dates = np.unique(sequences.origin[rows])
    assert (dates >= first).mean() == pytest.approx(0.2, abs=1 / len(dates))


@pytest.mark.parametrize("end", [0, 100])
def test_too_few_rows_are_an_error_with_a_way_out(prices: Panel, end: int) -> None:
    sequences = make_sequences(prices)
    with pytest.raises(DataError, match=rf"expected {LEAST_ROWS} rows to fit on .* Start the test"):
        tuning_slice(sequences, sequences.last_label < end)


def test_scale_losses_are_those_of_a_calibrated_student_t() -> None:
    rng = np.random.default_rng(0)
    scale = np.exp(rng.normal(size=(4_000, 2)))
    targets = scale * rng.standard_t(5, (4_000, 2))
    fit_rows = np.arange(4_000) < 3_000
    losses = scale_losses(targets, scale, fit_rows, ~fit_rows)
    for j in range(2):
        fit = fit_student_t(np.ascontiguousarray((targets / scale)[fit_rows, j]))
        law = stats.t(fit.df, scale=fit.scale * scale[~fit_rows, j])
        assert losses[j] == pytest.approx(-law.logpdf(targets[~fit_rows, j]).mean())
    # The scale that was planted is the best one.
    assert (losses < scale_losses(targets, np.ones_like(scale), fit_rows, ~fit_rows)).all()
