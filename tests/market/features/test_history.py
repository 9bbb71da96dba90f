"""Windows over what is remembered and what is new."""

import numpy as np
from conftest import make_frames
from hypothesis import given
from hypothesis import strategies as st

from forecasting.market.features.history import ticker_bars
from forecasting.market.features.sliding import sliding_sum
from forecasting.market.panel import Panel


@given(st.integers(1, 300), st.integers(0, 40), st.integers(0, 100))
def test_a_sliding_sum_is_the_sum_of_each_window(length, more, seed):
    values = np.random.default_rng(seed).normal(size=(2, length + more))
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=-1)
    np.testing.assert_allclose(sliding_sum(values, length), windows.sum(axis=-1), atol=1e-11)


@given(st.integers(1, 100), st.integers(0, 60), st.floats(-1e300, 1e300) | st.just(np.nan))
def test_what_lies_outside_a_window_is_not_in_its_sum(length, more, spoilt):
    values = np.random.default_rng(length).normal(size=length + more + 1)
    changed = values.copy()
    changed[-1] = spoilt
    np.testing.assert_array_equal(
        sliding_sum(changed, length)[:-1], sliding_sum(values, length)[:-1]
    )


def test_the_bars_of_a_ticker_are_its_own_with_gaps_closed_up():
    panel = Panel.from_frames(make_frames(400))
    rows, bars = ticker_bars(panel, 2, 0.94)
    assert len(rows) == 390
    np.testing.assert_array_equal(bars.column("close"), panel.column("close")[rows, 2])
    np.testing.assert_allclose(
        bars.log_return[1:], np.diff(np.log(panel.column("adj_close")[rows, 2])), atol=1e-15
    )
    assert np.isnan(bars.log_return[0])
    assert bars.gap_days[300] == 17
    np.testing.assert_array_equal(bars.known_before[1:], bars.volatility[:-1])
