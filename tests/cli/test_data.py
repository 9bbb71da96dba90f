import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from cli.command import USAGE, Command
from conftest import make_frames
from market.store.answers import make_bars, pay_dividend, store


@pytest.fixture
def stale_file(tmp_path: Path) -> Path:
    """The tiny model's prices with one bar that repeats the bar before."""
    frames = make_frames()
    frames["BBB"].iloc[200] = frames["BBB"].iloc[199]
    path = tmp_path / "stale.csv"
    parts = [frame.assign(ticker=ticker) for ticker, frame in frames.items()]
    pd.concat(parts).to_csv(path, index_label="date")
    return path


DAY, HALTED = (str(make_frames()["BBB"].index[row].date()) for row in (200, 300))


def test_findings_are_grouped_and_say_what_is_next(forecasting: Command, stale_file: Path) -> None:
    done = forecasting("data", "check", "--prices", stale_file, "--calendar", "none")
    assert (done.code, done.err) == (0, "")
    words = " ".join(done.out.split())
    assert (
        f"{stale_file}: 2,240 bars, 2 findings severity check findings tickers first dates" in words
    )
    assert f"dates error repeated-bar 1 1 {DAY} warning halt 1 1 {HALTED} severity" in words
    assert f"error repeated-bar BBB {DAY} repeats all four prices of the bar before" in words
    assert "- next, repeated-bar: Compare with another source" in words
    assert "- next: --quarantine FILE writes the bars to leave out, for you to edit." in words


def test_json_has_every_finding(forecasting: Command, stale_file: Path) -> None:
    done = forecasting("data", "check", "BBB", "--prices", stale_file, "--json")
    printed = json.loads(done.out)
    assert (printed["tickers"], printed["bars"], printed["quarantine"]) == (["BBB"], 600, None)
    found = {each["check"]: each for each in printed["findings"]}
    stale = found["repeated-bar"]
    assert stale["first"] == stale["last"] == f"{DAY}T00:00:00"
    assert (stale["ticker"], stale["severity"], stale["maskable"]) == ("BBB", "error", True)
    assert found["calendar"]["severity"] == "note"


def test_quarantine_is_written_and_prices_are_not_touched(
    forecasting: Command, stale_file: Path, tmp_path: Path
) -> None:
    before = stale_file.read_bytes()
    table = tmp_path / "quarantine.csv"
    done = forecasting("data", "check", "--prices", stale_file, "--quarantine", table)
    assert done.code == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert {"symbol": "BBB", "from": DAY, "to": DAY, "check": "repeated-bar"}.items() <= rows[
        0
    ].items()
    assert f"next: read {table}" in " ".join(done.out.split())
    assert stale_file.read_bytes() == before
    again = forecasting("data", "check", "--prices", stale_file, "--quarantine", table)
    assert "is there already" in again.error


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_exit_code(
    forecasting: Command, stale_file: Path, strict: tuple[str, ...], code: int
) -> None:
    assert forecasting("data", "check", "--prices", stale_file, *strict).code == code
    clean = forecasting("data", "check", "AAA", "--prices", stale_file, *strict)
    assert clean.code == 0


def test_nothing_found(forecasting: Command) -> None:
    arguments = ("--prices", "simulated-random-walk:bars=500", "--calendar", "none")
    done = forecasting("data", "check", *arguments)
    assert done.out.splitlines() == [
        "simulated random-walk market, seed 0: 4,000 bars, no findings"
    ]


def test_span_is_what_is_checked(forecasting: Command) -> None:
    whole = json.loads(forecasting("data", "check", "--prices", "sample-ohlcv", "--json").out)
    assert [each["ticker"] for each in whole["findings"]] == ["AAPL"]
    later = forecasting(
        "data", "check", "--prices", "sample-ohlcv", "--start", "2003-01-29", "--json"
    )
    assert json.loads(later.out)["findings"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("NOSUCH",), "ticker 'NOSUCH' is not in sample"),
        (("--prices", "nowhere"), "no price source 'nowhere'"),
        (("--calendar", "xnys"), "did you mean 'XNYS'?"),
        (("--start", "2035-01-01"), "no bars from 2035-01-01"),
    ],
)
def test_errors_are_one_line(
    forecasting: Command, arguments: tuple[str, ...], expected: str
) -> None:
    assert expected in forecasting("data", "check", *arguments).error


@pytest.fixture
def rewritten(home: None) -> None:
    """A store in which the source of AAA has revised a bar after a dividend."""
    frame = make_bars(60)
    store(frame)
    changed = pay_dividend(frame, 0.98)
    changed.iloc[55, changed.columns.get_loc("volume")] = 7.0
    store(changed)


def test_what_a_source_rewrote(rewritten: None, forecasting: Command) -> None:
    done = forecasting("data", "diff", "AAA")
    assert (done.code, done.err) == (0, "")
    summary, changes, revisions = done.out.split("\n\n")
    assert summary.startswith("AAA (1d) generation 1 -> 2: rescaled adjustment 0.98: 60 bars")
    heads, *lines = changes.splitlines()
    assert heads.split() == ["kind", "bars", "first", "last", "factor", "note"]
    assert lines[0].startswith("rescaled adjustment")
    assert revisions.splitlines()[1].split()[:2] == ["2010-03-22", "volume"]
    printed = json.loads(forecasting("data", "diff", "AAA", "--json").out)
    assert [each["kind"] for each in printed["changes"]] == ["rescaled adjustment", "revised bars"]
    same = forecasting("data", "diff", "AAA", "--older", "1", "--newer", "1")
    assert same.out == "AAA (1d) generation 1 -> 1: no change\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("BBB",), "BBB (1d) is not in the store"),
        (("AAA", "--interval", "1h"), "AAA (1h) is not in the store"),
        (("AAA", "--newer", "3"), "generation 3 of AAA (1d) is not in the store"),
        (("../AAA",), "is no symbol"),
    ],
)
def test_nothing_to_compare(
    rewritten: None, forecasting: Command, arguments: tuple[str, ...], expected: str
) -> None:
    assert expected in forecasting("data", "diff", *arguments).error


def test_wrong_usage(forecasting: Command) -> None:
    assert forecasting("data", "heal").code == USAGE
    wrong = forecasting("data", "check", "--start", "yesterday")
    assert wrong.code == USAGE
    assert "'yesterday' is no day" in wrong.err
