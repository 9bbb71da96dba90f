import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from cli.command import USAGE, Command
from market.yahoo_server import FakeYahoo, forget_yfinance, make_chart, serve, through_proxy

from forecasting import paths

DAYS = pd.bdate_range("2015-01-05", periods=30)


@pytest.fixture
def yahoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    """Yahoo on loopback, with one symbol."""
    forget_yfinance()
    with serve(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.charts["AAPL"] = make_chart(DAYS, null=(3,))
        yield server
    forget_yfinance()


def test_fetched_prices_are_in_the_store(yahoo: FakeYahoo, forecasting: Command) -> None:
    done = forecasting("fetch", "AAPL", "--start", "2015-01-01")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].split() == ["AAPL", "29", "2015-01-05", "2015-02-13"]
    assert "- AAPL: 1 bars without a close left out." in done.out
    assert (paths.store() / "AAPL.parquet").is_file()


def test_json_and_exit_code_of_a_fetch_that_half_failed(
    yahoo: FakeYahoo, forecasting: Command
) -> None:
    done = forecasting("fetch", "AAPL", "NOSUCH", "--start", "2015-01-01", "--json")
    printed = json.loads(done.out)
    assert [each["ticker"] for each in printed["stored"]] == ["AAPL"]
    assert list(printed["failed"]) == ["NOSUCH"]
    assert done.code == 1
    assert done.err.startswith("error: 1 of 2 tickers did not arrive (NOSUCH), NOSUCH because:")
    assert done.err.count("\n") == 1
    assert (paths.store() / "AAPL.parquet").is_file()


def test_unreachable_yahoo(forecasting: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_yfinance()
    for name, value in through_proxy(9).items():
        monkeypatch.setenv(name, value)
    assert "Yahoo was not reached" in forecasting("fetch", "AAPL").error
    assert not list(paths.store().glob("*.parquet"))
    forget_yfinance()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("aapl",), "expected 'AAPL'"),
        (("../../etc/passwd",), "is no symbol"),
        (("AAPL", "--source", "nasdaq"), "expected one of yahoo"),
        (("AAPL", "--start", "2020-01-02", "--end", "2020-01-01"), "expected start <= end"),
    ],
)
def test_nothing_is_asked_for_by_mistake(
    arguments: tuple[str, ...], expected: str, forecasting: Command
) -> None:
    assert expected in forecasting("fetch", *arguments).error


def test_wrong_usage(forecasting: Command) -> None:
    assert forecasting("fetch").code == USAGE
    wrong = forecasting("fetch", "AAPL", "--start", "yesterday")
    assert wrong.code == USAGE
    assert "'yesterday' is no day: expected YYYY-MM-DD" in wrong.err
