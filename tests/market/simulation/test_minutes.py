import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.simulation.bars import INTERVAL_MINUTES
from forecasting.market.simulation.markets import MARKETS
from forecasting.market.simulation.minute_stream import stream_minutes
from forecasting.market.simulation.minutes import SESSION_MINUTES, elapsed_variance
from forecasting.market.simulation.simulate import simulate, simulate_with_truth

N_DAYS = 30
COLUMN_RULES = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def aggregated(panel: Panel, ticker: int, by: np.ndarray) -> np.ndarray:
    """The bars of one ticker in groups, by pandas: slow and obvious."""
    frame = pd.DataFrame({name: panel.column(name)[:, ticker] for name in COLUMN_RULES})
    return frame.groupby(by).agg(COLUMN_RULES).to_numpy()


@pytest.mark.parametrize("interval", INTERVAL_MINUTES)
@pytest.mark.parametrize("kind", MARKETS)
def test_bars_have_the_open_close_and_volume_of_the_day(kind: str, interval: str) -> None:
    panel = simulate(kind, 3, N_DAYS, 4, interval=interval)
    daily = simulate(kind, 3, N_DAYS, 4)
    assert panel.interval == interval
    days = panel.times.astype("datetime64[D]")
    for k in range(3):
        expected = np.column_stack([daily.column(name)[:, k] for name in COLUMN_RULES])
        found = aggregated(panel, k, days)
        np.testing.assert_array_equal(found[:, [0, 3, 4]], expected[:, [0, 3, 4]])
        assert (found[:, 1] >= expected[:, 1]).all()
        assert (found[:, 2] <= expected[:, 2]).all()


def test_the_range_of_the_day_so_far_does_not_foretell_the_next_hour() -> None:
    n_days, n_tickers = 600, 8
    panel = simulate("random-walk", n_tickers, n_days, 0, interval="1h")
    shape = (n_days, 7, n_tickers)
    high, low, close = (np.log(panel.column(c)).reshape(shape) for c in ("high", "low", "close"))
    low, high = np.minimum.accumulate(low, axis=1), np.maximum.accumulate(high, axis=1)
    place = ((close - low) / (high - low))[:, :-1]
    later = np.sign(np.diff(close, axis=1))
    correlation = np.corrcoef(place.ravel(), later.ravel())[0, 1]
    assert abs(correlation) < 3 / np.sqrt(place.size)


@pytest.mark.parametrize("interval", ["5m", "15m", "30m", "1h"])
def test_minutes_add_up_to_longer_bars(interval: str) -> None:
    minutes = simulate("leverage", 1, N_DAYS, 0, interval="1m")
    longer = simulate("leverage", 1, N_DAYS, 0, interval=interval)
    groups = np.searchsorted(longer.times, minutes.times)
    expected = np.column_stack([longer.column(name)[:, 0] for name in COLUMN_RULES])
    np.testing.assert_array_equal(aggregated(minutes, 0, groups), expected)


@pytest.mark.parametrize(
    ("interval", "n_bars", "first", "before_last"),
    [("1h", 7, "10:30", "15:30"), ("5m", 78, "09:35", "15:55"), ("1m", 390, "09:31", "15:59")],
)
def test_bars_end_within_the_session(
    interval: str, n_bars: int, first: str, before_last: str
) -> None:
    panel = simulate("volatility", 1, 2, 0, interval=interval)
    assert len(panel.times) == 2 * n_bars
    assert str(panel.times[0])[:16] == f"2000-01-03T{first}"
    assert str(panel.times[n_bars - 2])[11:16] == before_last
    assert str(panel.times[n_bars - 1])[11:16] == "16:00"
    assert str(panel.times[n_bars])[:16] == f"2000-01-04T{first}"


def test_minute_bars_are_consistent() -> None:
    panel = simulate("leverage", 4, N_DAYS, 2, interval="1m")
    open_, high, low, close = (panel.column(name) for name in ("open", "high", "low", "close"))
    assert (low <= np.minimum(open_, close)).all()
    assert (high >= np.maximum(open_, close)).all()
    inside = np.arange(len(open_) - 1) % SESSION_MINUTES != SESSION_MINUTES - 1
    np.testing.assert_array_equal(open_[1:][inside], close[:-1][inside])
    volume = panel.column("volume")
    assert (volume >= 0).all()
    np.testing.assert_array_equal(volume, np.round(volume))


def test_variance_and_volume_are_u_shaped_and_variance_is_the_truth() -> None:
    panel, truth = simulate_with_truth("random-walk", 20, 120, 1, interval="1m")
    close = np.log(panel.column("close")).reshape(120, SESSION_MINUTES, 20)
    returns = np.diff(close, axis=1) / truth.volatility[:, None] / np.sqrt(0.8)
    by_minute = (returns**2).mean(axis=(0, 2))
    expected = np.diff(elapsed_variance(np.arange(SESSION_MINUTES + 1.0)))[1:]
    # Mirrors at the day's high and low take away some of the variance, nowhere the most of it.
    share = by_minute.sum() / expected.sum()
    assert 0.8 < share <= 1.02
    halves = (slice(0, 60), slice(165, 225), slice(329, 389))
    for part in halves:
        found = by_minute[part].sum() / by_minute.sum()
        assert found == pytest.approx(expected[part].sum() / expected.sum(), rel=0.15)
    volume = panel.column("volume").reshape(120, SESSION_MINUTES, 20).mean(axis=(0, 2))
    for part in halves:
        found = volume[1:][part].sum() / volume.sum()
        assert found == pytest.approx(expected[part].sum(), rel=0.05)


def test_a_session_jump_is_one_bar() -> None:
    """Not a slope over the step of the day in which it falls."""
    panel, truth = simulate_with_truth("leverage", 40, 100, 0, interval="1m")
    close = np.log(panel.column("close")).reshape(100, SESSION_MINUTES, 40)
    assert truth.session_jump is not None
    large = np.argwhere(np.abs(truth.session_jump) > 0.04)
    assert len(large) > 5
    moves = np.array([np.diff(close[t, :, k]) for t, k in large])
    largest = moves[np.arange(len(large)), np.abs(moves).argmax(axis=1)]
    share = largest / truth.session_jump[tuple(large.T)]
    # The mirror at the day's high or low can take part of a jump back at once.
    assert share.min() > 0.4
    assert np.median(share) == pytest.approx(1, abs=0.1)


@given(
    n_bars=st.integers(1, 2000),
    chunk=st.integers(1, 1500),
    n_tickers=st.integers(1, 3),
    kind=st.sampled_from(list(MARKETS)[:4]),
)
@settings(max_examples=12, deadline=None)
def test_a_stream_is_the_market_in_chunks(
    n_bars: int, chunk: int, n_tickers: int, kind: str
) -> None:
    chunks = list(stream_minutes(n_bars, chunk, 5, kind=kind, n_tickers=n_tickers))
    assert [len(panel.times) for panel in chunks[:-1]] == [chunk] * (len(chunks) - 1)
    n_days = max(2, -(-n_bars // SESSION_MINUTES))
    whole = simulate(kind, n_tickers, n_days, 5, interval="1m")
    values = np.concatenate([panel.values for panel in chunks])
    np.testing.assert_array_equal(values, whole.values[:n_bars])
    times = np.concatenate([panel.times for panel in chunks])
    np.testing.assert_array_equal(times, whole.times[:n_bars])
    assert chunks[0].tickers == whole.tickers
    assert chunks[0].interval == "1m"


def test_a_stream_across_blocks_of_days() -> None:
    """More days than a block has: chunk sizes that do and do not divide it give one stream."""
    n_bars = 300 * SESSION_MINUTES
    ends = []
    for chunk in (SESSION_MINUTES * 40, 9_999, n_bars):
        ends.append([panel.values[-1] for panel in stream_minutes(n_bars, chunk)][-1])
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def test_a_stream_needs_constant_memory() -> None:
    peaks = []
    for n_bars in (300_000, 1_200_000):
        tracemalloc.start()
        for _ in stream_minutes(n_bars, 20_000):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize(("n_bars", "chunk"), [(0, 1), (1, 0), (10**9, 10)])
def test_streams_that_cannot_be(n_bars: int, chunk: int) -> None:
    with pytest.raises(DataError, match=r"expected 1 to 23400000 minutes"):
        stream_minutes(n_bars, chunk)


def test_columns_without_a_rule_are_neutral() -> None:
    panel = simulate("volatility", 2, 3, 0, interval="5m")
    np.testing.assert_array_equal(panel.column("adj_close"), panel.column("close"))
    assert (panel.column("dividend") == 0).all()
    assert (panel.column("split") == 1).all()
    known = {*COLUMN_RULES, "adj_close", "dividend", "split"}
    for name in set(COLUMNS) - known:
        assert np.isnan(panel.column(name)).all()
