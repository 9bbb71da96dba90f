from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from market.checks.planting import repeat_bar, split_shares

from forecasting.errors import DataError
from forecasting.market.checks import quarantine
from forecasting.market.checks.inspection import inspect
from forecasting.market.checks.quarantine import Stretch
from forecasting.market.simulation import simulate

CLEAN = simulate("random-walk", n_tickers=4, n_bars=300, seed=4)
DAY = str(CLEAN.times[100])[:10]
NEXT = str(CLEAN.times[101])[:10]
BY_HAND = Stretch("SIM02", DAY, NEXT, "by-hand", "the feed was down, as they say")


def test_only_bars_whose_absence_helps_are_proposed() -> None:
    panel = split_shares(repeat_bar(CLEAN, "SIM01", 100), "SIM02", 200, 2)
    findings = inspect(panel, calendar=None)
    assert {each.check for each in findings} == {"repeated-bar", "unrecorded-split"}
    (stretch,) = quarantine.propose(findings, panel.interval)
    assert stretch == Stretch(
        "SIM01", DAY, DAY, "repeated-bar", "repeats all four prices of the bar before"
    )
    cured = quarantine.apply(panel, [stretch])
    again = {each.check for each in inspect(cured, calendar=None)}
    assert again == {"unrecorded-split", "missing-session"}


def test_bars_are_masked_and_nothing_else_changes() -> None:
    cured = quarantine.apply(CLEAN, [BY_HAND, Stretch("OTHER", DAY, DAY, "spike", "")])
    assert not cured.mask[[100, 101], 1].any()
    assert np.isnan(cured.values[100, 1]).all()
    assert (CLEAN.mask & ~cured.mask).sum() == 2
    np.testing.assert_array_equal(cured.values[cured.mask], CLEAN.values[cured.mask])
    assert cured.source == f"{CLEAN.source} (2 bars in quarantine)"
    assert cured.vintage != CLEAN.vintage


def test_nothing_to_mask_is_the_same_panel() -> None:
    assert quarantine.apply(CLEAN, []) is CLEAN
    assert quarantine.apply(CLEAN, [Stretch("SIM01", "1990-01-01", "1990-02-01", "x", "")]) is CLEAN


def test_a_ticker_must_keep_a_bar() -> None:
    with pytest.raises(DataError, match="leaves no bar of SIM02"):
        quarantine.apply(CLEAN, [Stretch("SIM02", "1990-01-01", "2030-01-01", "x", "")])


def test_intraday_stretches() -> None:
    """A midnight with its clock time is one bar, a day is all of its bars."""
    times = np.datetime64("2020-01-02", "ns") + np.arange(300) * np.timedelta64(30, "m")
    panel = replace(CLEAN, times=times, interval="30m")
    one = Stretch("SIM01", "2020-01-03 00:00:00", "2020-01-03 00:00:00", "spike", "")
    day = Stretch("SIM02", "2020-01-03", "2020-01-03", "spike", "")
    masked = panel.mask & ~quarantine.apply(panel, [one, day]).mask
    assert np.flatnonzero(masked[:, 0]).tolist() == [48]
    assert np.flatnonzero(masked[:, 1]).tolist() == list(range(48, 96))
    stale = inspect(repeat_bar(panel, "SIM01", 48), calendar=None)
    (stretch,) = quarantine.propose(stale, panel.interval)
    assert (stretch.first, stretch.last) == (one.first, one.last)


def test_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    table = (BY_HAND, Stretch("^IX,C", DAY, DAY, "spike", 'a "wild" one,\u00e9'))
    path = tmp_path / "quarantine.csv"
    quarantine.write(path, table)
    assert path.read_text().splitlines()[0] == "symbol,from,to,check,reason"
    assert quarantine.read(path) == table
    quarantine.write(path, ())
    assert quarantine.read(path) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with symbol,from,to,check,reason"),
        ("ticker,from\n", "does not begin with"),
        ("symbol,from,to,check,reason\nA,2020-01-02\n", "line 2 has 2 cells"),
        ("symbol,from,to,check,reason\nA,2020-01-02,soon,x,y\n", "line 2: from .* is no span"),
        ("symbol,from,to,check,reason\nA,2020-01-02,2020-01-01,x,y\n", "is no span"),
        ("symbol,from,to,check,reason\nA,2020-02-30,2020-03-01,x,y\n", "is no span"),
        ("symbol,from,to,check,reason\nA,03/04/2020,03/04/2020,x,y\n", "is no span"),
        ("symbol,from,to,check,reason\nA,2020-01-02,now,x,y\n", "is no span"),
    ],
)
def test_damaged_tables(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "quarantine.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        quarantine.read(path)


def test_a_table_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.csv"
    path.write_text(f"symbol,from,to,check,reason\r\nA,{DAY},{DAY},x,y\r\n", "utf-8-sig")
    assert quarantine.read(path) == (Stretch("A", DAY, DAY, "x", "y"),)


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read .* data check --quarantine FILE"):
        quarantine.read(tmp_path / "none.csv")
