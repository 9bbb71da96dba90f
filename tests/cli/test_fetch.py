import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from cli.command import USAGE, Command
from market.yahoo_charts import Reply, make_chart, make_intraday
from market.yahoo_server import FakeYahoo, forget_yfinance, serve, through_proxy

from forecasting import paths
from forecasting.market.store import present

DAYS = pd.bdate_range("2015-01-05", periods=30)
QUICK = ("--rate", "10")


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
    done = forecasting("fetch", "AAPL", "--start", "2015-01-01", *QUICK)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].split() == ["AAPL", "29", "29", "2015-01-05", "2015-02-13"]
    assert "- AAPL: 1 bar without a close left out." in done.out
    assert present() == ("AAPL",)


def test_json_and_exit_code_of_a_fetch_that_half_failed(
    yahoo: FakeYahoo, forecasting: Command
) -> None:
    done = forecasting("fetch", "AAPL", "NOSUCH", "--start", "2015-01-01", "--json", *QUICK)
    printed = json.loads(done.out)
    assert [(each["ticker"], each["new_bars"]) for each in printed["stored"]] == [("AAPL", 29)]
    assert printed["stored"][0]["changes"] == []
    assert list(printed["failed"]) == ["NOSUCH"]
    assert (printed["not_tried"], printed["stopped"]) == ([], "")
    assert done.code == 1
    assert done.err.startswith("error: 1 of 2 tickers did not arrive (NOSUCH), NOSUCH because:")
    assert done.err.endswith("`forecasting fetch --resume` asks for the rest.\n")
    assert done.err.count("\n") == 1
    assert present() == ("AAPL",)


def test_resume_goes_on_with_the_last_fetch(yahoo: FakeYahoo, forecasting: Command) -> None:
    yahoo.charts["KO"], yahoo.failures["KO"] = make_chart(DAYS), [Reply(404, b"{}")] * 8
    done = forecasting("fetch", "AAPL", "KO", "NOSUCH", "--start", "2015-02-02", *QUICK)
    assert done.code == 1
    assert "did not arrive\n- Yahoo has no prices of " in done.out
    assert "2 of 3 tickers did not arrive" in done.err
    yahoo.charts["NOSUCH"] = make_chart(DAYS)
    yahoo.failures.clear()
    done = forecasting("fetch", "--resume", *QUICK)
    assert (done.code, done.err) == (0, "")
    assert sorted(line.split()[0] for line in done.out.splitlines()[1:3]) == ["KO", "NOSUCH"]
    assert done.out.count("2015-02-02") == 2
    assert forecasting("fetch", "--resume").out.startswith("Nothing is left of the last fetch")


def test_ctrl_c_says_how_to_go_on(yahoo: FakeYahoo, forecasting: Command) -> None:
    yahoo.on_ask = lambda symbol: os.kill(os.getpid(), signal.SIGINT)
    error = forecasting("fetch", "AAPL", *QUICK).error
    assert "interrupted: " in error
    assert "`forecasting fetch --resume` asks for the rest" in error


def test_a_rewritten_history_is_told(yahoo: FakeYahoo, forecasting: Command) -> None:
    forecasting("fetch", "AAPL", *QUICK)
    yahoo.charts["AAPL"] = make_chart(DAYS, scale=0.5, splits={"2015-02-02": (2, 1)})
    done = forecasting("fetch", "AAPL", *QUICK)
    text = " ".join(done.out.split())
    assert "AAPL (1d) generation 1 -> 2: new split 2" in text
    assert "kept as generation 1; see `forecasting data diff AAPL`." in text
    again = json.loads(forecasting("fetch", "AAPL", "--json", *QUICK).out)["stored"][0]
    assert (again["generation"], again["changes"]) == (2, [])


def test_minutes(yahoo: FakeYahoo, forecasting: Command) -> None:
    recent = pd.Timestamp.now("UTC").tz_localize(None) - pd.Timedelta(days=2)
    yahoo.charts["AAPL 5m"] = make_intraday(pd.bdate_range(end=recent, periods=3), "5m")
    done = forecasting("fetch", "AAPL", "--interval", "5m", "--start", "2015-01-01", *QUICK)
    assert done.code == 0
    assert done.out.splitlines()[1].split()[:3] == ["AAPL", "234", "234"]
    text = " ".join(done.out.split())
    assert "AAPL: Yahoo has 5m bars of the last 60 days only, from 20" in text
    assert present("5m") == ("AAPL",)
    assert present() == ()


def test_a_file_of_tickers(yahoo: FakeYahoo, forecasting: Command, tmp_path: Path) -> None:
    yahoo.charts["BRK-B"] = yahoo.charts["^GSPC"] = make_chart(DAYS)
    listed = tmp_path / "listed.txt"
    listed.write_text("# an index\n^GSPC\n\n  BRK-B  # class B\n", "utf-8-sig")
    done = forecasting("fetch", "AAPL", f"@{listed}", "--json", *QUICK)
    tickers = [each["ticker"] for each in json.loads(done.out)["stored"]]
    assert tickers == ["AAPL", "^GSPC", "BRK-B"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory): expected a file of symbols"),
        (b"AAPL\nMSFT, KO\n", "line 2: ticker 'MSFT, KO' is no symbol"),
        (b"\xff\xfe\x00", "cannot be read (it is no text)"),
        (b"\n# nothing\n", "no tickers came"),
    ],
)
def test_files_of_tickers_that_are_none(
    content: bytes | None, message: str, forecasting: Command, tmp_path: Path
) -> None:
    listed = tmp_path / "listed.txt"
    if content is not None:
        listed.write_bytes(content)
    assert message in forecasting("fetch", f"@{listed}").error


def test_unreachable_yahoo(forecasting: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_yfinance()
    for name, value in through_proxy(9).items():
        monkeypatch.setenv(name, value)
    assert "Yahoo was not reached" in forecasting("fetch", "AAPL", *QUICK).error
    assert present() == ()
    forget_yfinance()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("aapl",), "expected 'AAPL'"),
        (("../../etc/passwd",), "is no symbol"),
        (("AAPL", "--source", "nasdaq"), "expected one of yahoo"),
        (("AAPL", "--start", "2020-01-02", "--end", "2020-01-01"), "expected start <= end"),
        (("--resume",), "there is no fetch to resume: name the tickers"),
    ],
)
def test_nothing_is_asked_for_by_mistake(
    arguments: tuple[str, ...], expected: str, forecasting: Command
) -> None:
    assert expected in forecasting("fetch", *arguments).error
    assert not paths.store().exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "expected tickers, such as AAPL, or --resume"),
        (("AAPL", "--start", "yesterday"), "'yesterday' is no day: expected YYYY-MM-DD"),
        (("AAPL", "--interval", "2h"), "'2h' is not one of"),
        (("AAPL", "--rate", "0"), "Invalid value for '--rate'"),
        (("AAPL", "--resume"), "--resume goes on with the last fetch"),
        (("--resume", "--interval", "1d"), "--resume goes on with the last fetch"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], expected: str, forecasting: Command) -> None:
    wrong = forecasting("fetch", *arguments)
    assert wrong.code == USAGE
    assert expected in " ".join(wrong.err.split())
