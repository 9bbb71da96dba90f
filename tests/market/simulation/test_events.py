from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.simulation.corporate_actions import apply_events
from forecasting.market.simulation.event import Event, EventKind
from forecasting.market.simulation.simulate import simulate, simulate_with_truth
from forecasting.market.simulation.truth import Truth

KINDS = get_args(EventKind)
DAY = np.datetime64("2000-01-03", "ns")


@pytest.fixture(scope="module")
def plain() -> Panel:
    return simulate("volatility", 10, 1500, 3)


@pytest.fixture(scope="module")
def market() -> tuple[Panel, Truth]:
    return simulate_with_truth("volatility", 10, 1500, 3, events=True)


def happened(truth: Truth, *kinds: str) -> list[tuple[Event, int]]:
    """Events of these kinds, each with the column of its ticker (`SIM01` is 0)."""
    return [(event, int(event.ticker[3:]) - 1) for event in truth.events if event.kind in kinds]


@given(
    kind=st.sampled_from(["split", "dividend", "spin_off"]),
    bars=st.lists(st.integers(1, 58), min_size=1, max_size=5, unique=True),
    size=st.floats(0.05, 0.95),
    per_day=st.sampled_from([1, 7]),
)
@settings(max_examples=25, deadline=None)
def test_adjusted_returns_know_no_split_and_no_dividend(
    kind: EventKind, bars: list[int], size: float, per_day: int
) -> None:
    interval = "1d" if per_day == 1 else "1h"
    before = simulate("volatility", 2, 60, 5, interval=interval)
    events = [Event(kind, "SIM02", bar, DAY, size) for bar in bars]
    values = before.values.copy()
    apply_events(values, events, before.tickers, per_day)
    after = Panel(before.times, before.tickers, values)
    ratio = after.column("adj_close") / before.column("adj_close")
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[-1], ratio.shape), rtol=1e-12)
    np.testing.assert_array_equal(values[:, 0], before.values[:, 0])
    check_total_return(after)
    # The last close is what was paid: nothing lies after it.
    np.testing.assert_allclose(after.column("adj_close")[-1], after.column("close")[-1], rtol=1e-12)


def check_total_return(panel: Panel) -> None:
    """close_t split_t / (close_{t-1} - dividend_t) is the adjusted return, bar for bar."""
    for k in range(len(panel.tickers)):
        bars = panel.values[panel.mask[:, k], k]
        close, adjusted, dividend, split = (
            bars[:, COLUMNS.index(name)] for name in ("close", "adj_close", "dividend", "split")
        )
        total = close[1:] * split[1:] / (close[:-1] - dividend[1:])
        np.testing.assert_allclose(total, adjusted[1:] / adjusted[:-1], rtol=1e-10)


def test_one_split_by_hand() -> None:
    before = simulate("volatility", 1, 5, 0)
    values = before.values.copy()
    apply_events(values, [Event("split", "SIM01", 3, DAY, 2.0)], ("SIM01",))
    after = Panel(before.times, before.tickers, values)
    factor = np.array([1, 1, 1, 0.5, 0.5])[:, None]
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(after.column(name), before.column(name) * factor)
    np.testing.assert_allclose(after.column("volume"), before.column("volume") / factor)
    np.testing.assert_allclose(after.column("adj_close"), before.column("close") / 2)
    assert after.column("split")[:, 0].tolist() == [1, 1, 1, 2, 1]


def test_one_dividend_by_hand() -> None:
    """Previous closes are multiplied by 1 - dividend / close of the day before."""
    before = simulate("volatility", 1, 5, 0)
    values = before.values.copy()
    apply_events(values, [Event("dividend", "SIM01", 3, DAY, 0.01)], ("SIM01",))
    after = Panel(before.times, before.tickers, values)
    close = after.column("close")[:, 0]
    dividend = after.column("dividend")[:, 0]
    assert dividend.tolist() == [0, 0, 0, pytest.approx(0.01 * close[2]), 0]
    expected = close * np.array([*[1 - dividend[3] / close[2]] * 3, 1, 1])
    np.testing.assert_allclose(after.column("adj_close")[:, 0], expected)


@pytest.mark.parametrize(("n_tickers", "n_bars"), [(1, 252), (3, 300), (10, 1500)])
@pytest.mark.parametrize("seed", range(4))
def test_every_kind_happens_and_none_on_the_same_day(
    n_tickers: int, n_bars: int, seed: int
) -> None:
    panel, truth = simulate_with_truth("random-walk", n_tickers, n_bars, seed, events=True)
    assert {event.kind for event in truth.events} == set(KINDS)
    assert len({(event.ticker, event.bar) for event in truth.events}) == len(truth.events)
    assert all(event.day == panel.times[event.bar] for event in truth.events)
    assert [event.bar for event in truth.events] == sorted(event.bar for event in truth.events)
    check_total_return(panel)


def test_the_market_behind_the_events_is_the_same(
    plain: Panel, market: tuple[Panel, Truth]
) -> None:
    panel, truth = market
    returns = [np.diff(np.log(prices.column("adj_close")), axis=0) for prices in (panel, plain)]
    # A last day's return is the market's and the delisting's.
    for event, k in happened(truth, "delisting"):
        extra = returns[0][event.bar - 1, k] - returns[1][event.bar - 1, k]
        assert extra == pytest.approx(np.log1p(event.size))
        returns[0][event.bar - 1, k] -= extra
    there = np.isfinite(returns[0])
    assert there.mean() > 0.8
    np.testing.assert_allclose(returns[0][there], returns[1][there], atol=1e-12)


def test_the_columns_show_what_the_truth_lists(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    split, dividend = np.ones(panel.mask.shape), np.zeros(panel.mask.shape)
    for event, k in happened(truth, "split"):
        split[event.bar, k] = event.size
    for event, k in happened(truth, "dividend", "spin_off"):
        dividend[event.bar, k] = event.size * panel.column("close")[event.bar - 1, k]
    np.testing.assert_array_equal(panel.column("split"), np.where(panel.mask, split, np.nan))
    np.testing.assert_array_equal(panel.column("dividend"), np.where(panel.mask, dividend, np.nan))


def test_halts_listings_and_ends_are_missing_bars(market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    bars = np.ones(panel.mask.shape, dtype=bool)
    for event, k in happened(truth, "listing"):
        bars[: event.bar, k] = False
    for event, k in happened(truth, "delisting"):
        bars[event.bar + 1 :, k] = False
    for event, k in happened(truth, "halt"):
        bars[event.bar : event.bar + int(event.size), k] = False
    np.testing.assert_array_equal(panel.mask, bars)
    missing = np.isnan(panel.column("volume"))
    np.testing.assert_array_equal(missing, ~bars)


def test_the_truth_is_silent_where_a_return_is_not_the_markets(
    market: tuple[Panel, Truth],
) -> None:
    panel, truth = market
    returns = np.diff(np.log(panel.column("adj_close")), axis=0)
    known = np.isfinite(truth.location[1:])
    last = {(event.bar, k) for event, k in happened(truth, "delisting")}
    assert {(t + 1, k) for t, k in np.argwhere(np.isfinite(returns) & ~known)} == last
    assert not (known & np.isnan(returns)).any()
    for grid in (truth.own_volatility, truth.expected_volatility, truth.volatility):
        np.testing.assert_array_equal(np.isfinite(grid), np.isfinite(truth.location))
    shock = (returns / truth.volatility[1:])[known]
    assert shock.std() == pytest.approx(1, abs=0.03)


def test_volume_counts_the_new_shares(plain: Panel, market: tuple[Panel, Truth]) -> None:
    panel, truth = market
    shares = np.ones(panel.mask.shape)
    for event, k in happened(truth, "split"):
        shares[event.bar :, k] *= event.size
    expected = np.where(panel.mask, plain.column("volume") * shares, np.nan)
    np.testing.assert_allclose(panel.column("volume"), expected, atol=0.51)


def test_events_of_a_day_are_the_events_of_its_bars() -> None:
    """An hourly market has the events of the daily one, on the first bar of their day."""
    daily, truth = simulate_with_truth("leverage", 5, 260, 1, events=True)
    hourly, same = simulate_with_truth("leverage", 5, 260, 1, events=True, interval="1h")
    assert truth.events == same.events
    bars = hourly.values.reshape(260, 7, 5, len(COLUMNS))
    for name in ("close", "adj_close"):
        last = bars[:, -1, :, COLUMNS.index(name)]
        np.testing.assert_allclose(last, daily.column(name), rtol=1e-12)
    for name in ("dividend", "split"):
        np.testing.assert_allclose(bars[:, 0, :, COLUMNS.index(name)], daily.column(name))
    check_total_return(hourly)
