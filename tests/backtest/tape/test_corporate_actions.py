"""Splits and dividends as each source quotes them: the holder earns the same."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from backtest.tape.quotes import Quotes, Reinvested, market
from bench_data import bench_file
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.tape import Basis, Tape
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.simulation import simulate
from forecasting.market.sources import load_prices
from forecasting.market.yahoo.bars import clean

RETURNS = 0.02 * np.sin(np.arange(1, 40))
SPLITS, DIVIDENDS = {10: 2.0, 20: 0.1, 30: 1.5}, {5: 0.4, 20: 3.0, 25: 5.0}
SPLIT, DIVIDEND, CLOSE, ADJ_CLOSE = (
    COLUMNS.index(name) for name in ("split", "dividend", "close", "adj_close")
)


def tape_of(panel: Panel) -> Tape:
    tape = make_tape(panel, Execution.NEXT_CLOSE, Costs())
    assert tape.basis is Basis.RAW
    return tape


def growth(tape: Tape) -> np.ndarray:
    """What a share held over each bar is worth after it, over its worth before."""
    held = tape.mark[:-1] > 0
    worth = tape.mark[1:] * tape.split[1:] + tape.dividend[1:]
    return np.divide(worth, tape.mark[:-1], out=np.ones_like(worth), where=held)


def adjusted_growth(panel: Panel) -> np.ndarray:
    adj_close = panel.column("adj_close")
    return adj_close[1:] / adj_close[:-1]


@pytest.mark.parametrize("reinvested", ["at close", "before"])
@pytest.mark.parametrize("after_split", [False, True])
def test_raw_closes_get_their_splits_and_dividends(
    reinvested: Reinvested, after_split: bool
) -> None:
    quotes = Quotes(RETURNS, SPLITS, DIVIDENDS, reinvested, after_split=after_split)
    tape = tape_of(market(quotes))
    assert {t: tape.split[t, 0] for t in SPLITS} == SPLITS
    assert (tape.split != 1).sum() == len(SPLITS)
    assert {t: tape.dividend[t, 0] for t in DIVIDENDS} == pytest.approx(DIVIDENDS)
    np.testing.assert_allclose(growth(tape)[:, 0], 1 + RETURNS, rtol=1e-12)
    assert not tape.notes


def test_yahoo_s_bars_pay_dividends_and_no_split() -> None:
    frame = Quotes(RETURNS, SPLITS, DIVIDENDS, "before", split_adjusted=True).frame()
    frame["split"] = frame["split"].mask(frame["split"] == 1, 0.0)
    names = {"dividend": "Dividends", "split": "Stock Splits", "adj_close": "Adj Close"}
    names |= {name: name.capitalize() for name in ("open", "high", "low", "close", "volume")}
    answer = frame.rename(columns=names).tz_localize("America/New_York")
    now = pd.Timestamp("2024-01-01", tz="UTC")
    bars = clean("A", answer, interval="1d", session_ends={}, now=now).frame
    tape = tape_of(Panel.from_frames({"A": bars}, source="Yahoo"))
    assert (tape.split == 1).all()
    assert (tape.dividend != 0).sum() == len(DIVIDENDS)
    np.testing.assert_allclose(growth(tape)[:, 0], 1 + RETURNS, rtol=1e-12)


@pytest.mark.parametrize("reinvested", ["at close", "before"])
def test_split_adjusted_closes_get_no_split_again(reinvested: Reinvested) -> None:
    tape = tape_of(market(Quotes(RETURNS, SPLITS, DIVIDENDS, reinvested, split_adjusted=True)))
    assert (tape.split == 1).all()
    np.testing.assert_allclose(growth(tape)[:, 0], 1 + RETURNS, rtol=1e-12)
    assert len(tape.notes) == 1
    assert tape.notes[0].startswith("3 splits changed no share count")


@pytest.mark.parametrize("split_adjusted", [False, True])
def test_a_dividend_that_the_adjusted_close_leaves_out_is_paid(split_adjusted: bool) -> None:
    quotes = Quotes(RETURNS, SPLITS, DIVIDENDS, "never", split_adjusted)
    tape = tape_of(market(quotes))
    np.testing.assert_allclose(growth(tape)[:, 0], 1 + RETURNS, rtol=1e-12)
    assert any(note.startswith("3 dividends left out of") for note in tape.notes)


@pytest.mark.parametrize("ratio", [0.5, 3.0])
def test_an_unquoted_split_is_read_from_the_adjusted_close(ratio: float) -> None:
    panel = market(Quotes(RETURNS, {10: ratio}))
    values = panel.values.copy()
    values[:, :, SPLIT] = 1.0
    tape = tape_of(replace(panel, values=values))
    assert tape.split[10, 0] == pytest.approx(ratio)
    assert (tape.split != 1).sum() == 1
    assert tape.notes[0].startswith("1 bar with an adjusted close that the quoted splits and ")
    assert f"at most {1 / ratio - 1:+.1%} (A on 2020-01-15)" in tape.notes[0]


def test_a_distribution_that_did_not_happen_so_is_not_paid() -> None:
    panel = market(Quotes(RETURNS, dividends={10: 5.0}))
    values = panel.values.copy()
    values[10, 0, DIVIDEND] = 40.0
    tape = tape_of(replace(panel, values=values))
    assert (tape.dividend == 0).all()
    np.testing.assert_allclose(growth(tape)[:, 0], 1 + RETURNS, rtol=1e-12)


def test_blank_and_zero_splits_are_none() -> None:
    panel = market(Quotes(RETURNS, SPLITS, DIVIDENDS))
    values = panel.values.copy()
    plain = values[:, :, SPLIT] == 1
    values[:, :, SPLIT] = np.where(plain, np.where(np.arange(40) % 2, 0, np.nan)[:, None], 2.0)
    values[:, :, SPLIT] = np.where(plain, values[:, :, SPLIT], panel.column("split"))
    expected, found = tape_of(panel), tape_of(replace(panel, values=values))
    np.testing.assert_array_equal(found.split, expected.split)


@pytest.mark.parametrize("halted", [(10,), (9, 10, 11), (8, 9)])
def test_an_event_without_a_bar_counts_at_the_next_one(halted: tuple[int, ...]) -> None:
    panel = market(Quotes(RETURNS, {8: 4.0, 10: 2.0}, {9: 1.0, 10: 0.5, 12: 0.25}))
    full = tape_of(panel)
    values = panel.values.copy()
    for bar in halted:
        values[bar, 0, [CLOSE, ADJ_CLOSE]] = np.nan
    tape = tape_of(replace(panel, values=values))
    assert not tape.notes
    assert not tape.present[list(halted)].any()
    assert (tape.split[list(halted)] == 1).all()
    assert (tape.dividend[list(halted)] == 0).all()
    # A share, and the cash it paid, of a holder from the first bar to the last.
    np.testing.assert_allclose(holder(tape), holder(full), rtol=1e-14)


def holder(tape: Tape) -> tuple[float, float]:
    shares, cash = 1.0, 0.0
    for split, dividend in zip(tape.split[:, 0], tape.dividend[:, 0], strict=True):
        cash += shares * dividend
        shares *= split
    return shares, cash


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_simulated_events_are_all_explained(seed: int) -> None:
    panel = simulate("random-walk", n_tickers=6, n_bars=300, seed=seed, events=True)
    tape = tape_of(panel)
    assert not tape.notes
    marked = tape.present[1:] & tape.present[:-1]
    quoted = np.nan_to_num(panel.column("split")[1:], nan=1.0)
    assert (tape.split[1:] == np.where(marked, quoted, tape.split[1:])).all()


@pytest.mark.parametrize(
    ("n_tickers", "n_splits", "n_missed"),
    [(40, 40, 0), pytest.param(190, 182, 1, marks=pytest.mark.slow)],
)
def test_real_prices_are_explained(n_tickers: int, n_splits: int, n_missed: int) -> None:
    panel = load_prices(str(bench_file(f"us{n_tickers}_ohlcv_1999_2021.parquet")))
    tape = tape_of(panel)
    assert (tape.split != 1).sum() == n_splits
    assert len(tape.notes) == bool(n_missed)
    if n_missed:
        assert "TMUS on 2013-05-01" in tape.notes[0]
    both = tape.present[1:] & tape.present[:-1]
    np.testing.assert_allclose(growth(tape)[both], adjusted_growth(panel)[both], rtol=1e-5)
