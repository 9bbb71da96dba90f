"""The test under the error bars, and the order of a ticker's own cells, against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting.evaluation.scores.date_means import date_means
from forecasting.evaluation.scores.date_test import cell_test, date_test, date_weights, of_events
from forecasting.evaluation.scores.own_bars import own_lag, own_order, own_sequences
from forecasting.forecast.significance import least_dates, standard_error


def scattered(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, dates and tickers of a grid with holes, ordered by date as cells are."""
    rng = np.random.default_rng(seed)
    date, ticker = np.nonzero(rng.random((12, 4)) < 0.6)
    return rng.normal(size=len(date)), date, ticker


def test_statistic_error_and_p_value() -> None:
    values = np.random.default_rng(0).normal(0.6, 1, 300)
    test = date_test(values, 5, expected=0.5)
    assert test.standard_error == standard_error(values, 5)
    assert test.t == pytest.approx((values.mean() - 0.5) / test.standard_error)
    assert test.p == pytest.approx(2 * stats.t.sf(abs(test.t), 299))


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_below_the_least_dates_there_is_a_mean_and_no_test(horizon: int) -> None:
    values = np.random.default_rng(1).normal(size=least_dates(horizon) - 1)
    test = date_test(values, horizon)
    assert test.mean == values.mean()
    assert np.isnan([test.standard_error, test.t, test.p]).all()
    assert np.isfinite(date_test(np.append(values, 0.0), horizon).p)
    assert np.isnan(date_test(values[:0], horizon).mean)


def test_dates_that_agree_are_no_evidence_however_many() -> None:
    test = date_test(np.full(500, 0.3), 1)
    assert np.isnan([test.t, test.p]).all()
    assert test.standard_error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("share", "horizon", "least"), [(0.01, 1, 500), (0.95, 1, 100), (0.05, 21, 2_100)]
)
def test_a_share_is_tested_only_where_five_independent_events_are_expected(
    share: float, horizon: int, least: int
) -> None:
    hits = (np.arange(least) % 7 == 0).astype(float)
    enough, few = (
        of_events(date_test(each, horizon, share), horizon, share) for each in (hits, hits[1:])
    )
    assert np.isfinite([enough.t, enough.p]).all()
    assert few.mean == hits[1:].mean()
    assert np.isnan([few.t, few.p]).all()


def test_an_infinite_cell_leaves_nothing_to_be_said() -> None:
    values, date = np.zeros(100), np.arange(100)
    values[3] = np.inf
    test = cell_test(values, date, 1)
    assert np.isnan([test.mean, test.t, test.p]).all()


@given(seed=st.integers(0, 1_000))
def test_weights_give_the_mean_of_date_means(seed: int) -> None:
    values, date, _ = scattered(seed)
    weights = date_weights(date)
    assert weights.sum() == pytest.approx(1)
    assert weights @ values == pytest.approx(date_means(values, date).mean())


@given(seed=st.integers(0, 1_000), lag=st.integers(-3, 3))
def test_own_order_and_lag_equal_loops(seed: int, lag: int) -> None:
    _, date, ticker = scattered(seed)
    order, found = own_order(date, ticker), own_lag(date, ticker, lag)
    for cell in range(len(date)):
        own = np.flatnonzero(ticker == ticker[cell])
        place = own.tolist().index(cell)
        assert order[cell] == place
        inside = 0 <= place - lag < len(own)
        assert found[cell] == (own[place - lag] if inside else -1)


@given(seed=st.integers(0, 1_000), horizon=st.integers(1, 4))
def test_own_sequences_take_every_hth_cell(seed: int, horizon: int) -> None:
    values, date, ticker = scattered(seed)
    sequences = own_sequences(values, date, ticker, horizon)
    for column, name in zip(sequences.T, np.unique(ticker), strict=True):
        kept = column[np.isfinite(column)]
        np.testing.assert_array_equal(kept, values[ticker == name][::horizon])
        assert np.isfinite(column[: len(kept)]).all()
