"""A planted defect is found on its exact date, and nothing else is called an error."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from market.checks.planting import close_only, edit, found, repeat_bar, split_shares, where

from forecasting.market.checks.inspection import inspect
from forecasting.market.panel import Panel
from forecasting.market.simulation import MARKETS, simulate

BARS = 400
CLEAN = simulate("random-walk", n_tickers=6, n_bars=BARS, seed=4)
LOG_RETURN = np.diff(np.log(CLEAN.column("close")), axis=0, prepend=np.nan)
ROWS = st.integers(2, BARS - 3)
TICKERS = st.sampled_from(CLEAN.tickers)
FEW = settings(max_examples=15, deadline=None)


def date(row: int) -> str:
    return str(CLEAN.times[row])[:10]


@pytest.mark.parametrize("kind", MARKETS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("columns", [lambda panel: panel, close_only], ids=["ohlcv", "close only"])
def test_clean_market_has_no_error(kind: str, seed: int, columns: Callable[[Panel], Panel]) -> None:
    findings = inspect(columns(simulate(kind, 6, 1500, seed)))
    assert {each.severity for each in findings} <= {"note", "warning"}
    loud = [each for each in findings if each.severity == "warning"]
    assert len(loud) <= 1  # of 9 000 bars; fat tails are allowed to look like a spike now and then


@given(ticker=TICKERS, row=ROWS)
@FEW
def test_repeated_bar(ticker: str, row: int) -> None:
    (finding,) = found(repeat_bar(CLEAN, ticker, row), "repeated-bar")
    assert where([finding]) == [(ticker, date(row))]
    assert (finding.severity, finding.bars, finding.maskable) == ("error", 1, True)


@given(tickers=st.sets(TICKERS, min_size=3), row=ROWS)
@FEW
def test_closes_that_repeat_together(tickers: set[str], row: int) -> None:
    panel = CLEAN
    for ticker in tickers:
        panel = repeat_bar(panel, ticker, row)
    findings = found(close_only(panel), "shared-repeat")
    assert where(findings) == [(ticker, date(row)) for ticker in sorted(tickers)]


@given(ticker=TICKERS, row=st.integers(2, BARS - 12), length=st.integers(5, 10))
@FEW
def test_frozen_price(ticker: str, row: int, length: int) -> None:
    panel = CLEAN
    for k in range(length):
        panel = repeat_bar(panel, ticker, row + k)
    (finding,) = found(close_only(panel), "frozen-price")
    assert where([finding]) == [(ticker, date(row))]
    assert finding.bars == length
    assert str(finding.last)[:10] == date(row + length - 1)


@given(
    ticker=TICKERS,
    row=st.integers(30, BARS - 3),
    ratio=st.sampled_from([2, 3, 4, 7, 10, 20, 1 / 2, 1 / 4, 1 / 10, 1 / 20]),
    has_volume=st.booleans(),
)
@FEW
def test_unrecorded_split(ticker: str, row: int, ratio: float, has_volume: bool) -> None:
    # Without an open, the day's own return hides the exact ratio; a wild one hides it altogether.
    assume(abs(LOG_RETURN[row, CLEAN.tickers.index(ticker)]) < 0.03)
    panel = split_shares(CLEAN, ticker, row, ratio)
    if not has_volume:
        panel = close_only(panel)
    findings = [f for f in found(panel, "unrecorded-split") if f.severity != "note"]
    assert where(findings) == [(ticker, date(row))]
    assert not findings[0].maskable
    assert findings[0].severity == ("error" if has_volume or ratio <= 1 / 10 else "warning")


def test_news_is_no_split() -> None:
    """The same jump on ten times the usual money traded."""
    panel = split_shares(CLEAN, "SIM02", 200, 2)
    loud = edit(panel, "SIM02", 200, volume=lambda old: 10 * old)
    assert where(found(panel, "unrecorded-split")) == [("SIM02", date(200))]
    assert not found(loud, "unrecorded-split")


def test_crash_of_the_market_is_no_split() -> None:
    panel = CLEAN
    for ticker in CLEAN.tickers:
        panel = split_shares(panel, ticker, 200, 5 / 4)
    assert not found(panel, "unrecorded-split")


@given(ticker=TICKERS, row=st.integers(30, BARS - 3), factor=st.sampled_from([0.6, 0.75, 1.4, 2]))
@FEW
def test_spike(ticker: str, row: int, factor: float) -> None:
    prices = ("open", "high", "low", "close", "adj_close")
    panel = edit(CLEAN, ticker, row, **dict.fromkeys(prices, lambda old: old * factor))
    assert (ticker, date(row)) in where(found(panel, "spike"))
    assert len(found(panel, "spike")) == 1


@given(ticker=TICKERS, row=ROWS, name=st.sampled_from(["high", "low"]))
@FEW
def test_far_extreme(ticker: str, row: int, name: str) -> None:
    wild = edit(CLEAN, ticker, row, **{name: lambda old: old * (2 if name == "high" else 0.5)})
    (finding,) = found(wild, "far-extreme")
    assert where([finding]) == [(ticker, date(row))]
    assert f"a {name} " in finding.seen


def test_wild_open_is_a_far_extreme() -> None:
    wild = edit(CLEAN, "SIM03", 100, open=lambda old: 2 * old, high=lambda old: 2 * old)
    assert where(found(wild, "far-extreme")) == [("SIM03", date(100))]
    assert not found(wild, "unrecorded-split")


@given(ticker=TICKERS, row=ROWS, disorder=st.sampled_from([0.5, 0.98, 0.9999]))
@FEW
def test_disordered_bar(ticker: str, row: int, disorder: float) -> None:
    k = CLEAN.tickers.index(ticker)
    higher = max(CLEAN.column("open")[row, k], CLEAN.column("close")[row, k])
    (finding,) = found(edit(CLEAN, ticker, row, high=higher * disorder), "bar-order")
    assert where([finding]) == [(ticker, date(row))]
    assert finding.severity == ("error" if disorder < 0.99 else "warning")


def test_flat_bars_and_blank_values() -> None:
    price = CLEAN.column("close")[50:60, 0]
    flat = edit(CLEAN, "SIM01", slice(50, 60), open=price, high=price, low=price)
    (finding,) = found(flat, "flat-bars")
    assert (finding.severity, finding.seen) == ("note", f"10 bars of {BARS} have no range")
    blank = edit(CLEAN, "SIM04", [7, 300], volume=np.nan)
    (finding,) = found(blank, "blank-values")
    assert where([finding]) == [("SIM04", date(7))]
    assert finding.seen == f"2 bars of {BARS} have no volume"
    none = edit(CLEAN, "SIM04", slice(None), volume=np.nan)
    assert not found(none, "blank-values")


def test_bars_without_volume() -> None:
    idle = edit(CLEAN, "SIM01", [20, 40, *range(100, 106)], volume=0.0)
    run, short = found(idle, "no-volume")
    assert (run.severity, run.bars, where([run])) == ("warning", 6, [("SIM01", date(100))])
    assert (short.severity, where([short])) == ("note", [("SIM01", date(20))])
    assert short.seen == f"2 bars of {BARS} without volume"


def test_spin_off_as_a_dividend_and_odd_split() -> None:
    close = CLEAN.column("close")[199, 0]
    panel = edit(CLEAN, "SIM01", 200, dividend=0.5 * close)
    panel = edit(panel, "SIM02", 210, split=1.054)
    panel = edit(panel, "SIM03", 220, split=3.0)
    findings = found(panel, "odd-distribution")
    assert where(findings) == [("SIM01", date(200)), ("SIM02", date(210))]
    # None of the three is in the adjusted close: a split may be in the quotes already, as Yahoo's.
    assert where(found(panel, "adjustment")) == [("SIM01", date(200))]


@given(ticker=TICKERS, row=ROWS, share=st.floats(0.005, 0.5), at_close_before=st.booleans())
@FEW
def test_dividend_that_the_adjusted_close_forgot(
    ticker: str, row: int, share: float, at_close_before: bool
) -> None:
    before, close = CLEAN.column("close")[row - 1 : row + 1, CLEAN.tickers.index(ticker)]
    paid = share * before
    forgotten = edit(CLEAN, ticker, row, dividend=paid)
    (finding,) = found(forgotten, "adjustment")
    assert where([finding]) == [(ticker, date(row))]
    factor = 1 - share if at_close_before else close / (close + paid)
    known = edit(forgotten, ticker, slice(None, row), adj_close=lambda old: old * factor)
    assert not found(known, "adjustment")


def test_factor_that_falls() -> None:
    bare = edit(CLEAN, "SIM01", slice(None), dividend=np.nan, split=np.nan)
    rising = edit(bare, "SIM01", slice(None, 200), adj_close=lambda old: 0.97 * old)
    falling = edit(bare, "SIM01", slice(None, 200), adj_close=lambda old: 1.03 * old)
    reverse = edit(bare, "SIM01", slice(None, 200), adj_close=lambda old: 10 * old)
    assert not found(rising, "adjustment")
    (finding,) = found(falling, "adjustment")
    assert (finding.severity, where([finding])) == ("warning", [("SIM01", date(200))])
    assert [each.severity for each in found(reverse, "adjustment")] == ["note"]


def test_coarse_prices() -> None:
    panel = close_only(CLEAN)
    rounded = edit(panel, "SIM05", slice(None), adj_close=lambda old: np.round(old / 20, 0))
    (finding,) = found(rounded, "coarse-prices")
    assert (finding.ticker, finding.bars, finding.severity) == ("SIM05", BARS, "note")
    assert not found(panel, "coarse-prices")


def test_checks_change_nothing() -> None:
    panel = split_shares(repeat_bar(CLEAN, "SIM01", 50), "SIM02", 60, 2)
    vintage = replace(panel).vintage
    inspect(panel)
    assert panel.vintage == vintage


def test_severe_findings_come_first() -> None:
    panel = edit(repeat_bar(CLEAN, "SIM06", 300), "SIM01", 100, volume=0.0)
    order = [each.severity for each in inspect(panel, calendar=None)]
    assert order == sorted(order, key=("error", "warning", "note").index)
