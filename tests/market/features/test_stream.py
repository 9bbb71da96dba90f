"""Streamed features are those of the whole history, at a bounded memory."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import make_frames
from future import KINDS, change_future
from hypothesis import given, settings
from hypothesis import strategies as st
from market.features.panels import DECAY, full_panel

from forecasting.errors import DataError
from forecasting.market.features import (
    compute_features,
    feature_set,
    pieces,
    stream,
)
from forecasting.market.features.catalogue import CATALOGUE
from forecasting.market.features.stream import FeatureStream
from forecasting.market.panel import COLUMNS, Panel

ALL = "+".join(CATALOGUE)
VARIANTS = ("close", "ohlc", "ohlcv", ALL)
IDS = ("close", "ohlc", "ohlcv", "all")


def cut(panel: Panel, first: int, last: int | None = None) -> Panel:
    """Some bars of a panel, also those on which nobody trades."""
    rows = slice(first, last)
    return replace(panel, times=panel.times[rows], values=panel.values[rows])


def with_holes(panel: Panel, share: float, seed: int = 0) -> Panel:
    """The panel without a share of its bars, and with some volumes and opens left blank."""
    rng = np.random.default_rng(seed)
    values = panel.values.copy()
    values[rng.random(panel.mask.shape) < share] = np.nan
    for name in ("volume", "open"):
        blank = rng.random(panel.mask.shape) < share / 50
        values[:, :, COLUMNS.index(name)][blank] = np.nan
    return replace(panel, values=values)


def assert_streamed(panel: Panel, cuts: list[int], variant: str) -> None:
    """Start on the bars before the first cut, go on piece by piece."""
    expected, expected_volatility = compute_features(panel, variant, DECAY)
    stream = FeatureStream.start(cut(panel, 0, cuts[0]), variant, DECAY)
    for first, last in zip(cuts, [*cuts[1:], len(panel.times)], strict=True):
        features, volatility = stream.advance(cut(panel, first, last))
        np.testing.assert_allclose(features, expected[first:last], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(volatility, expected_volatility[first:last], rtol=1e-12)


@pytest.fixture(scope="module")
def full() -> Panel:
    return full_panel()


@pytest.mark.parametrize("variant", VARIANTS, ids=IDS)
def test_bar_by_bar_it_is_the_whole_table(full, variant):
    assert_streamed(full, list(range(440, 520)), variant)


@pytest.mark.parametrize("variant", VARIANTS, ids=IDS)
def test_it_begins_without_history_as_well(full, variant):
    assert_streamed(full, [*range(0, 230, 23), *range(240, 270)], variant)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=6, unique=True).map(sorted),
    st.sampled_from(VARIANTS),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.integers(0, 100),
)
def test_any_cut_into_pieces_and_any_holes_give_the_same(cuts, variant, share, seed):
    assert_streamed(with_holes(full_panel(350, seed), share, seed), cuts, variant)


@pytest.mark.parametrize("cells", [64, 1000])
def test_how_many_bars_are_computed_at_once_is_no_matter(full, cells, monkeypatch):
    panel = with_holes(cut(full, 0, 400), 0.02)
    expected = compute_features(panel, ALL, DECAY)
    for module in (pieces, stream):
        monkeypatch.setattr(module, "BLOCK_CELLS", cells)
    for found, wanted in zip(compute_features(panel, ALL, DECAY), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_a_close_is_enough_where_the_variant_asks_for_no_more(close_only):
    assert_streamed(close_only, list(range(300, 400)), "close")


def test_a_price_that_stands_still_has_no_volatility_until_it_moves(prices):
    values = prices.values.copy()
    values[150:550, 1, 5] = values[150, 1, 5]
    still = replace(prices, values=values)
    assert_streamed(still, list(range(200, 600)), "close")
    assert np.isnan(compute_features(still, "close", DECAY)[1][540, 1])


def test_a_ticker_may_be_left_out_and_come_back_and_others_may_join(prices):
    """Left out of the panel is the same as a bar that is missing."""
    values = prices.values.copy()
    values[:320, 1] = np.nan
    values[300:310, 0] = np.nan
    expected, _ = compute_features(replace(prices, values=values), "ohlcv", DECAY)
    stream = FeatureStream.start(cut(prices, 0, 300).select(["AAA", "CCC", "DDD"]), "ohlcv", DECAY)
    few = stream.advance(cut(prices, 300, 310).select(["DDD", "CCC"]))[0]
    np.testing.assert_allclose(few, expected[300:310, [3, 2]], rtol=1e-9, atol=1e-12)
    three = stream.advance(cut(prices, 310, 320).select(["AAA", "CCC", "DDD"]))[0]
    np.testing.assert_allclose(three, expected[310:320, [0, 2, 3]], rtol=1e-9, atol=1e-12)
    four = stream.advance(cut(prices, 320))[0]
    np.testing.assert_allclose(four, expected[320:], rtol=1e-9, atol=1e-12)
    assert stream.tickers == ("AAA", "CCC", "DDD", "BBB")


@pytest.mark.parametrize("variant", VARIANTS, ids=IDS)
def test_its_size_does_not_grow(full, variant):
    stream = FeatureStream.start(cut(full, 0, 100), variant, DECAY)
    arrays = ("last_times", "last_close", "variance", "tail")
    before = [getattr(stream, name).nbytes for name in arrays]
    stream.advance(cut(full, 100))
    assert [getattr(stream, name).nbytes for name in arrays] == before
    assert stream.tail.shape == (4, len(feature_set(variant).kept), feature_set(variant).lags)


@pytest.mark.parametrize("variant", ["close", "ohlc", "ohlcv"])
def test_what_a_variant_remembers_never_changes(full, variant):
    """Files of streams hold it."""
    assert feature_set(variant).kept == ("log_return", "range_variance", "volume")
    stream = FeatureStream.start(full, variant, DECAY)
    assert stream.tail.shape == (4, 3, 67)
    np.testing.assert_array_equal(stream.tail[:, 2], full.column("volume")[-67:].T)


def test_features_that_look_back_less_than_the_volatility_are_streamed(full):
    assert_streamed(full, list(range(60)), "log_gap")


@pytest.mark.parametrize("kind", KINDS)
def test_later_bars_change_no_earlier_row(prices, kind):
    changed = change_future(prices, 400, kind)
    one, other = (FeatureStream.start(cut(prices, 0, 300), "ohlcv", DECAY) for _ in range(2))
    before = one.advance(cut(prices, 300))[0]
    after = other.advance(cut(changed, 300))[0]
    np.testing.assert_array_equal(after[:101], before[:101])


def test_no_bar_and_no_ticker_is_no_news(prices):
    stream = FeatureStream.start(cut(prices, 0, 300), "ohlcv", DECAY)
    features, volatility = stream.advance(cut(prices, 300, 300))
    assert features.shape[:2] == volatility.shape == (0, 4)
    assert stream.time == prices.times[299]


def spoilt(panel: Panel, name: str, value: float) -> Panel:
    values = panel.values.copy()
    values[5, 1, COLUMNS.index(name)] = value
    return replace(panel, values=values)


BAD = {
    "older": (lambda p: cut(p, 299, 301), "came after one of 2011-02-25.*newer than all before"),
    "the same again": (lambda p: cut(p, 299, 300), "start again from the whole history"),
    "backwards": (lambda p: replace(p, times=p.times[::-1]), "in order of time"),
    "a bar twice": (
        lambda p: replace(p, times=np.repeat(p.times[300], len(p.times))),
        "in order of time",
    ),
    "a ticker twice": (lambda p: replace(cut(p, 300), tickers=(*"AAB", "C")), "came twice"),
    "zero": (lambda p: spoilt(cut(p, 300), "adj_close", 0.0), "BBB: adj_close of .* is 0: exp"),
    "negative": (lambda p: spoilt(cut(p, 300), "low", -1.5), "BBB: low of .* is -1.5: expected"),
    "infinite": (lambda p: spoilt(cut(p, 300), "open", np.inf), "expected positive prices"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_taken_in_is_one_line_and_changes_nothing(prices, case):
    spoil, message = BAD[case]
    stream = FeatureStream.start(cut(prices, 0, 300), "ohlcv", DECAY)
    with pytest.raises(DataError, match=message) as caught:
        stream.advance(spoil(prices))
    assert "\n" not in str(caught.value)
    expected = compute_features(prices, "ohlcv", DECAY)[0]
    np.testing.assert_allclose(stream.advance(cut(prices, 300))[0], expected[300:], rtol=1e-9)


@pytest.mark.slow
def test_after_thousands_of_bars_it_has_not_drifted():
    panel = with_holes(Panel.from_frames(make_frames(6000)), 0.05)
    assert pd.Timestamp(panel.times[-1]).year > 2030
    assert_streamed(panel, list(range(1000, 6000)), "ohlcv")
