"""Who will be a member changes nothing before: not by shuffling the table, not by a newcomer."""

from dataclasses import replace

import numpy as np
import pytest
from future import KINDS as FUTURES
from future import change_future, change_future_members
from hypothesis import given, settings
from hypothesis import strategies as st
from market.features.panels import DECAY, full_panel
from market.universes import FOREVER, day_of, everybody, roster, universe

from forecasting.errors import DataError
from forecasting.market.features import compute_features, feature_names
from forecasting.market.features.catalogue import CATALOGUE
from forecasting.market.features.stream import FeatureStream
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import simulate
from forecasting.market.splits import SplitDates, split_rows
from forecasting.market.tables.cache import cached_table
from forecasting.market.tables.feature_table import compute_table
from forecasting.market.universe import Spell

ALL = "+".join(CATALOGUE)
CROSS_SECTION = "return_1+market_return+rank_reversal+beta_66"
KINDS = ("shuffled", "nobody", "everybody")
ALL_PRICES = "+".join(name for name in CATALOGUE if "realized" not in str(CATALOGUE[name].needs))
"""What daily bars allow."""
EVENTS = simulate("leverage", n_tickers=10, n_bars=600, seed=5, events=True)
"""Late listings, halts, delistings, splits and dividends."""


@pytest.fixture(scope="module")
def full() -> Panel:
    return full_panel()


@pytest.mark.parametrize("variant", ["close", "ohlcv", ALL], ids=["close", "ohlcv", "all"])
def test_everybody_is_nobody_s_table(full: Panel, variant: str) -> None:
    for found, expected in zip(
        compute_features(everybody(full), variant, DECAY),
        compute_features(full, variant, DECAY),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_everybody_gives_the_same_rows_targets_and_split() -> None:
    options = {"variant": "ohlcv", "tasks": ("rank", "range_variance")}
    one, other = make_sequences(everybody(EVENTS), **options), make_sequences(EVENTS, **options)
    dates = SplitDates(EVENTS.times[350], EVENTS.times[450])
    for name in ("features", "volatility", "origin", "ticker", "targets", "label_end"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for task in options["tasks"]:
        np.testing.assert_array_equal(one.tasks[task], other.tasks[task])
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(
            getattr(split_rows(one, dates), name), getattr(split_rows(other, dates), name)
        )


@pytest.mark.parametrize("kind", FUTURES)
def test_future_prices_leave_past_features_of_members_alone(kind: str) -> None:
    marked, after = roster(EVENTS).apply(EVENTS), 400
    changed = change_future(marked, after, kind)
    for one, other in zip(
        compute_features(changed, ALL_PRICES, DECAY),
        compute_features(marked, ALL_PRICES, DECAY),
        strict=True,
    ):
        np.testing.assert_array_equal(one[: after + 1], other[: after + 1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [90, 250, 430])
def test_future_membership_leaves_past_features_alone(after: int, kind: str) -> None:
    marked = roster(EVENTS).apply(EVENTS)
    changed = change_future_members(marked, after, kind)
    found, expected = (compute_features(each, ALL_PRICES, DECAY) for each in (changed, marked))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[: after + 1], other[: after + 1])
    assert not np.array_equal(found[0], expected[0], equal_nan=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(100, 560), st.integers(0, 50), st.sampled_from(KINDS))
def test_future_membership_leaves_past_rows_alone(after: int, seed: int, kind: str) -> None:
    marked = roster(EVENTS, seed).apply(EVENTS)
    changed = change_future_members(marked, after, kind, seed)
    if not (changed.member & changed.mask).any():
        return
    tables = []
    for panel in (marked, changed):
        made = make_sequences(panel, variant=CROSS_SECTION, tasks=("rank",))
        past = made.origin <= after
        cells = (made.origin[past], made.ticker[past])
        tables.append((*cells, made.features[past], made.targets[past], made.tasks["rank"][past]))
    for one, other in zip(*tables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_who_joins_later_influences_nothing_before() -> None:
    bar, others = 400, EVENTS.tickers[:6]
    newcomer = EVENTS.tickers[8]
    assert EVENTS.mask[:bar, 8].sum() > 300
    spells = [Spell(ticker, FOREVER, None) for ticker in others]
    with_it = universe(*spells, Spell(newcomer, day_of(EVENTS, bar), None)).apply(EVENTS)
    without = universe(*spells).apply(EVENTS)
    np.testing.assert_array_equal(with_it.times, without.times)
    found, expected = (compute_features(p, ALL_PRICES, DECAY)[0] for p in (with_it, without))
    # Sums over tickers run over one column more, which may round otherwise.
    np.testing.assert_allclose(found[:bar, :6], expected[:bar], rtol=1e-9, atol=1e-12)
    assert np.isnan(found[:bar, 6]).all()
    naive = replace(with_it, member=None)
    market = feature_names(ALL_PRICES).index("market_return")
    leaked = compute_features(naive, ALL_PRICES, DECAY)[0]
    assert not np.allclose(leaked[100:bar, :6, market], expected[100:bar, :, market])


def test_own_features_look_back_on_bars_before_joining() -> None:
    bar = 400
    table = universe(
        *(Spell(ticker, FOREVER, None) for ticker in EVENTS.tickers[:5]),
        Spell(EVENTS.tickers[8], day_of(EVENTS, bar), None),
    )
    own = "return_66+momentum_252"
    found = compute_features(table.apply(EVENTS), own, DECAY)[0][:, -1]
    expected = compute_features(EVENTS, own, DECAY)[0][:, 8]
    assert np.isnan(found[:bar]).all()
    np.testing.assert_array_equal(found[bar:], expected[bar:])
    assert np.isfinite(found[bar]).all()


def test_streamed_members_have_the_features_of_the_whole_history() -> None:
    marked = roster(EVENTS).apply(EVENTS)
    expected = compute_features(marked, ALL_PRICES, DECAY)[0]
    stream = FeatureStream.start(marked.at(slice(300)), ALL_PRICES, DECAY)
    for bars in (slice(300, 301), slice(301, 340), slice(340, 600)):
        features, _ = stream.advance(marked.at(bars))
        np.testing.assert_allclose(features, expected[bars], rtol=1e-9, atol=1e-12)


def test_the_mapped_table_is_the_same() -> None:
    marked = roster(EVENTS).apply(EVENTS)
    one, other = (make(marked, CROSS_SECTION, DECAY) for make in (cached_table, compute_table))
    for name in ("features", "volatility", "bar", "offsets", "log_price", "time", "bar_offsets"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_rows_are_members_and_labels_run_past_their_leaving() -> None:
    marked = roster(EVENTS).apply(EVENTS)
    made = make_sequences(marked, variant="close")
    assert marked.member is not None
    assert marked.member[made.origin, made.ticker].all()
    unmarked = make_sequences(EVENTS, variant="close")
    targets = unmarked.to_grid(unmarked.targets)[made.origin, made.ticker]
    np.testing.assert_array_equal(made.targets, targets)
    ends = made.label_end[:, -1]
    inside = ends < len(marked.times)
    assert not marked.member[ends[inside], made.ticker[inside]].all()


def test_a_short_membership_has_no_row_and_stops_nobody() -> None:
    table = universe(
        *(Spell(ticker, FOREVER, None) for ticker in EVENTS.tickers[:4]),
        Spell(EVENTS.tickers[4], FOREVER, day_of(EVENTS, 30)),
    )
    marked = table.apply(EVENTS)
    assert len(marked.tickers) == 5
    made = make_sequences(marked, variant="ohlcv")
    assert np.diff(made.offsets)[-1] == 0
    with pytest.raises(DataError, match="none with all its features"):
        make_sequences(marked.select(EVENTS.tickers[4:5]), variant="ohlcv")
