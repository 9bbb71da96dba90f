import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.sequences import make_sequences
from forecasting.market.splits import Split, resolve_dates, split_rows


@settings(deadline=None, max_examples=20)
@given(st.floats(0.35, 0.6), st.floats(0.65, 0.9))
def test_every_label_ends_before_the_next_span_begins(prices, first, second):
    table = make_sequences(prices)
    dates = resolve_dates(prices, first, second)
    split = split_rows(table, dates)
    end = table.label_end.max(axis=1)
    assert prices.times[end[split.train].max()] < dates.validation_start
    assert prices.times[end[split.validation].max()] < dates.test_start
    assert prices.times[table.origin[split.test].min()] >= dates.test_start
    assert not (split.train & split.validation).any()


def test_the_purge_is_at_least_the_longest_horizon(prices):
    table = make_sequences(prices)
    split = split_rows(table, resolve_dates(prices, 0.5, 0.8))
    gap = table.origin[split.validation].min() - table.origin[split.train].max()
    assert gap > max(table.horizons)


def test_a_halt_widens_the_purge(prices):
    """CCC halts for ten bars: labels that span the halt end later than 21 panel bars."""
    table = make_sequences(prices)
    halt = int(np.flatnonzero(~prices.mask[:, 2])[0])
    split = split_rows(table, resolve_dates(prices, str(prices.times[halt + 5])[:10], 0.9))
    rows = split.train & (table.ticker == 2)
    assert table.origin[rows].max() < halt - 10


def test_audit_catches_an_overlap(prices):
    table = make_sequences(prices)
    half = table.origin < 300
    with pytest.raises(AssertionError, match="overlap"):
        Split(half, ~half, np.zeros_like(half)).audit(table)


@pytest.mark.parametrize(
    ("validation", "test"),
    [("2009-01-01", "2011-01-03"), ("2011-06-01", "2011-01-03"), ("2011-01-03", "2030-01-01")],
)
def test_dates_outside_the_prices_are_refused(prices, validation, test):
    with pytest.raises(DataError, match="expected both inside"):
        resolve_dates(prices, validation, test)


def test_no_training_rows_is_refused(prices):
    with pytest.raises(DataError, match="no train rows are left"):
        split_rows(make_sequences(prices), resolve_dates(prices, 0.05, 0.5))
