"""Correlations within a date against scipy; decay; what has no order has no coefficient."""

import numpy as np
import pytest
from evaluation.scores.panels import cells_of, law_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting.evaluation.scores.information_coefficient import (
    date_correlations,
    decay_table,
    rank_correlations,
)
from forecasting.forecast.student_t import StudentT


@given(seed=st.integers(0, 1_000))
def test_correlations_equal_scipy_with_ties_and_holes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    date = np.sort(rng.integers(0, 6, 80))
    x, y = rng.integers(0, 6, 80).astype(float), rng.normal(size=80)
    y[rng.random(80) < 0.1] = np.nan
    pearson, spearman = date_correlations(x, y, date, 4), rank_correlations(x, y, date, 4)
    for k, day in enumerate(np.unique(date)):
        inside = (date == day) & np.isfinite(y)
        a, b = x[inside], y[inside]
        if len(a) < 4 or np.ptp(a) == 0:
            assert np.isnan([pearson[k], spearman[k]]).all()
        else:
            assert pearson[k] == pytest.approx(stats.pearsonr(a, b).statistic)
            assert spearman[k] == pytest.approx(stats.spearmanr(a, b).statistic)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_one_forecast_for_all_has_no_coefficient(value: float) -> None:
    y = np.random.default_rng(0).normal(size=120)
    found = date_correlations(np.full(120, value), y, np.repeat([0, 1], 60))
    assert np.isnan(found).all()


def test_narrow_dates_have_no_coefficient() -> None:
    x, y = np.random.default_rng(1).normal(size=(2, 109))
    found = date_correlations(x, y, np.repeat([3, 8], [60, 49]))
    assert np.isfinite(found).tolist() == [True, False]


def test_decay_finds_the_lag_of_a_planted_signal() -> None:
    rng = np.random.default_rng(2)
    signal = rng.normal(size=(202, 60))
    # What is forecast at t comes true two bars later than it should.
    returns = 0.3 * signal[:-2] + rng.normal(size=(200, 60))
    law = StudentT(signal[2:].ravel(), np.ones(12_000), np.full(12_000, 5.0))
    table = decay_table([cells_of(returns, law=law)], ["law"], (0, 1, 2, 3)).set_index("lag")
    assert table.loc[2, "rank_ic"] == pytest.approx(0.28, abs=0.04)
    assert table.loc[2, "t"] > 10
    assert (table.loc[[0, 1, 3], "t"].abs() < 3).all()
    assert table["n_dates"].tolist() == [200, 199, 198, 197]


def test_decay_beyond_the_span_is_nan() -> None:
    returns = np.random.default_rng(3).normal(size=(30, 60))
    law = StudentT(returns.ravel(), np.ones(1_800), np.full(1_800, 5.0))
    table = decay_table(
        [cells_of(returns, law=law, flat=law_of((30, 60)))], ["law", "flat"], (0, 20, 40)
    )
    assert table["n_dates"].tolist() == [30, 0, 10, 0, 0, 0]
    assert table["rank_ic"].notna().tolist() == [True] + [False] * 5
