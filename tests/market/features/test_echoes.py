"""Echoes: what was round the same day of earlier years and quarters, where that is known."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import make_frames
from future import KINDS, change_future
from hypothesis import given, settings
from hypothesis import strategies as st
from market.features import twins as slow
from market.features.panels import DECAY, full_panel

from forecasting.market.features import (
    FeatureStream,
    compute_features,
    feature_names,
    feature_set,
    pieces,
)
from forecasting.market.features.catalogue import CATALOGUE
from forecasting.market.features.sliding import sliding_count, sliding_max
from forecasting.market.panel import COLUMNS, Panel

ECHOES = "echo_square+echo_range"
NAMES = tuple(name for name in feature_names(ECHOES) if name.startswith("echo"))
PRICES = ("open", "high", "low", "close", "adj_close")


def echoes_of(panel: Panel) -> np.ndarray:
    grid, _ = compute_features(panel, ECHOES, DECAY)
    return grid[:, :, [feature_names(ECHOES).index(name) for name in NAMES]]


def changed(panel: Panel, rows: slice, columns: tuple[str, ...], value: float) -> Panel:
    """The first ticker's bars with another value."""
    values = panel.values.copy()
    values[rows, 0, [COLUMNS.index(name) for name in columns]] = value
    return replace(panel, values=values)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return full_panel(700, 3)


@pytest.fixture(scope="module")
def echoes(panel: Panel) -> np.ndarray:
    return echoes_of(panel)


@pytest.fixture(scope="module")
def twins(panel: Panel) -> list[slow.Ticker]:
    return slow.tickers(panel, DECAY)


def calm(n_bars: int = 700) -> Panel:
    """One ticker that moves by one per cent every day, up and down."""
    frame = make_frames(n_bars)["AAA"]
    close = 100 * np.exp(0.01 * (np.arange(n_bars) % 2))
    for name in PRICES:
        frame[name] = close
    frame["high"], frame["low"] = close * 1.005, close * 0.995
    return Panel.from_frames({"AAA": frame})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("row", [1, 30, 66, 90, 170, 260, 340, 520, 699])
def test_an_echo_is_its_formula_from_the_first_bar_on(name, row, twins, echoes):
    for k, ticker in enumerate(twins[:3]):
        if row in ticker.rows and ticker.rows.index(row):
            expected = slow.OWN[name](ticker, ticker.rows.index(row))
            found = echoes[row, k, NAMES.index(name)]
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("season", "lags"), [("year", (251, 503)), ("quarter", (63, 126, 188))])
@pytest.mark.parametrize("around", [1, 3])
def test_a_shock_is_heard_on_the_eve_of_its_anniversaries_and_round_them(season, lags, around):
    values = calm().values.copy()
    shock = 180
    values[shock:, 0, COLUMNS.index("adj_close")] *= 1.2
    heard = echoes_of(replace(calm(), values=values))[:, 0]
    echo = heard[:, NAMES.index(f"echo_square_{season}_{around}")]
    for lag in lags:
        eve = shock + lag - 1
        loud = np.flatnonzero(echo > 0.5)
        near = loud[np.abs(loud - eve) < 20]
        np.testing.assert_array_equal(near, np.arange(eve - around, eve + around + 1))


def test_a_young_history_has_no_echo_which_is_zero(panel, echoes):
    assert np.isnan(echoes[0]).all()
    for season, lag in (("year", 251), ("quarter", 63)):
        for around in (1, 3):
            # u needs 22 returns before its own, the window ends so many bars after its middle.
            first = 23 + around + lag - 1
            for kind in ("square", "range"):
                echo = echoes[:, 0, NAMES.index(f"echo_{kind}_{season}_{around}")]
                assert (echo[1:first] == 0).all()
                assert (echo[first:] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_echoes_do_not_see_the_future(panel, echoes, kind):
    for after in (100, 254, 505, 640):
        other = echoes_of(change_future(panel, after, kind))
        np.testing.assert_array_equal(other[: after + 1], echoes[: after + 1])


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(0, 699), min_size=1, max_size=5, unique=True).map(sorted),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([400, 1 << 15]),
)
def test_a_stream_has_them_to_the_last_bit(cuts, share, cells):
    panel = full_panel(700, 3)
    values = panel.values.copy()
    values[np.random.default_rng(7).random(panel.mask.shape) < share] = np.nan
    values[250:290, 1, COLUMNS.index("open")] = np.nan
    panel = replace(panel, values=values)
    whole, _ = compute_features(panel, ECHOES, DECAY)
    columns = [feature_names(ECHOES).index(name) for name in NAMES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "BLOCK_CELLS", cells)
        stream = FeatureStream.start(panel.at(slice(0, cuts[0])), ECHOES, DECAY)
        for first, last in zip(cuts, [*cuts[1:], 700], strict=True):
            part, _ = stream.advance(panel.at(slice(first, last)))
            np.testing.assert_array_equal(part[..., columns], whole[first:last][..., columns])


def test_a_stream_bar_by_bar_has_them_to_the_last_bit(panel, echoes):
    stream = FeatureStream.start(panel.at(slice(0, 640)), ECHOES, DECAY)
    columns = [feature_names(ECHOES).index(name) for name in NAMES]
    for bar in range(640, 700):
        part, _ = stream.advance(panel.at(slice(bar, bar + 1)))
        np.testing.assert_array_equal(part[0][:, columns], echoes[bar])


def test_a_bar_that_did_not_move_is_a_quiet_one_not_a_missing_one():
    """The logarithm's floor."""
    still = changed(calm(), slice(300, 301), PRICES, calm().column("close")[299, 0])
    echo = echoes_of(still)[:, 0]
    assert np.isfinite(echo[1:]).all()
    assert (np.abs(echo[1:]) < 5).all()


def test_what_follows_a_long_halt_has_no_surprise_and_its_echo_is_no_news(panel, echoes):
    """A price that stands still for two months: nothing is usual there."""
    still = changed(panel, slice(200, 250), PRICES, panel.column("close")[199, 0])
    found = echoes_of(still)[:, 0]
    assert np.isfinite(found[1:]).all()
    assert (np.abs(found[1:]) < 10).all()
    np.testing.assert_array_equal(found[:200], echoes[:200, 0])
    year = NAMES.index("echo_square_year_1")
    assert (found[230 + 250 : 249 + 250, year] == 0).all()
    [ticker, *_] = slow.tickers(still, DECAY)
    for row in (255, 290, 480, 600):
        for j, name in enumerate(NAMES):
            assert found[row, j] == pytest.approx(slow.OWN[name](ticker, row), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_so_many_bars_are_remembered_and_no_more(name, panel, echoes):
    """With them alone the last bar has the same echo, with one less it has another."""
    memory = CATALOGUE[name].memory
    assert feature_set(f"ohlcv+{name}").lags == memory
    last = echoes[-1, 0, NAMES.index(name)]
    for n_bars, same in ((memory, True), (memory - 1, False)):
        few = panel.at(slice(700 - n_bars, None))
        assert (echoes_of(few)[-1, 0, NAMES.index(name)] == last) == same


def test_an_echo_never_costs_a_row(panel):
    """Where a bar has a range, it has an echo of ranges; so a set with echoes has the same rows."""
    found, _ = compute_features(panel, f"ohlcv+{ECHOES}", DECAY)
    plain, _ = compute_features(panel, "ohlcv", DECAY)
    np.testing.assert_array_equal(np.isnan(found).any(axis=2), np.isnan(plain).any(axis=2))


def test_a_bar_without_a_range_has_no_echo_of_ranges_and_is_in_none(panel, echoes):
    blind = echoes_of(changed(panel, slice(400, 401), ("high",), np.nan))[:, 0]
    squares = [name.startswith("echo_square") for name in NAMES]
    ranges = np.logical_not(squares)
    np.testing.assert_array_equal(blind[:, squares], echoes[:, 0, squares])
    assert np.isnan(blind[400, ranges]).all()
    assert np.isfinite(blind[401:, ranges]).all()


@pytest.mark.parametrize("factor", [0.01, 0.97, 3.0])
def test_rescaled_prices_have_the_same_echoes(panel, echoes, factor):
    values = panel.values.copy()
    values[:, :, [COLUMNS.index(name) for name in PRICES]] *= factor
    np.testing.assert_allclose(echoes_of(replace(panel, values=values)), echoes, atol=1e-8)


@given(st.integers(2, 40), st.integers(0, 30), st.integers(0, 100))
def test_sliding_maxima_and_counts_are_those_of_each_window(length, more, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, length + more))
    values[rng.random(values.shape) < 0.02] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=-1)
    np.testing.assert_array_equal(sliding_max(values, length), windows.max(axis=-1))
    known = np.isfinite(values)
    counts = np.isfinite(windows).sum(axis=-1)
    np.testing.assert_array_equal(sliding_count(known, length), counts)
