import json
import stat
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from market.yahoo_server import (
    ZONE,
    FakeYahoo,
    Reply,
    forget_yfinance,
    make_chart,
    serve,
    through_proxy,
)

from forecasting import paths
from forecasting.errors import DataError, SourceError
from forecasting.market.yahoo import Yahoo
from forecasting.market.yahoo_bars import clean

DAYS = pd.bdate_range("2015-01-05", periods=60)


@pytest.fixture(scope="module")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("certificate")


@pytest.fixture(autouse=True)
def fresh_yfinance() -> Iterator[None]:
    forget_yfinance()
    yield
    forget_yfinance()


@pytest.fixture
def server(certificate_folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    with serve(certificate_folder) as yahoo:
        for name, value in yahoo.environment.items():
            monkeypatch.setenv(name, value)
        yield yahoo


def client(**changes: float) -> Yahoo:
    return Yahoo(**{"spacing_s": 0.0, "backoff_s": 0.0, "timeout_s": 5.0, **changes})


def test_bars_come_with_dividends_and_splits(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(
        DAYS, dividends={"2015-01-15": 0.47}, splits={"2015-02-02": (7, 1)}
    )
    bars = client().bars("AAPL", "2015-01-01", "2015-12-31")
    frame = bars.frame
    assert list(frame.index) == list(DAYS)
    assert frame.index.tz is None
    quote = server.charts["AAPL"]["indicators"]["quote"][0]
    np.testing.assert_array_equal(frame["close"], quote["close"])
    np.testing.assert_array_equal(
        frame["adj_close"], server.charts["AAPL"]["indicators"]["adjclose"][0]["adjclose"]
    )
    assert frame["dividend"].to_dict() == {
        day: 0.47 if day == pd.Timestamp("2015-01-15") else 0.0 for day in DAYS
    }
    assert frame.loc["2015-02-02", "split"] == 7
    assert (frame["split"].drop(pd.Timestamp("2015-02-02")) == 1).all()
    assert (bars.null_bars, bars.unfinished) == (0, False)


def test_both_days_are_included(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    client().bars("AAPL", "2015-01-05", "2015-03-27")
    midnights = (pd.Timestamp(day, tz=ZONE) for day in ("2015-01-05", "2015-03-28"))
    assert server.spans == [tuple(int(midnight.timestamp()) for midnight in midnights)]


@pytest.mark.parametrize("end", [None, "2015-12-31"])
def test_no_start_means_all(server: FakeYahoo, end: str | None) -> None:
    server.charts["^GSPC"] = make_chart(DAYS)
    assert len(client().bars("^GSPC", end=end).frame) == len(DAYS)
    first, last = server.spans[0]
    assert first < pd.Timestamp("1930-01-01").timestamp()
    assert last > pd.Timestamp("2015-12-31").timestamp()


def test_null_bars_are_dropped_and_counted(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS, null=(3, 10))
    bars = client().bars("AAPL", "2015-01-01")
    assert bars.null_bars == 2
    assert list(bars.frame.index) == list(DAYS.delete([3, 10]))


def test_busy_then_fine(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    busy = Reply(429, b"Too Many Requests")
    server.failures["AAPL"] = [busy, busy]
    assert len(client().bars("AAPL", "2015-01-01").frame) == len(DAYS)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(429, b"Too Many Requests"), "too many requests .HTTP 429.*Tried 3 times"),
        (Reply(503, b"<html>Will be right back</html>"), "HTTP 503.*Tried 3 times"),
        (
            Reply(
                500,
                json.dumps(
                    {"chart": {"result": None, "error": {"code": "x", "description": "y"}}}
                ).encode(),
            ),
            "HTTP 500",
        ),
        (Reply(200, b'{"chart": {"result": [{"meta"'), "cannot be read .*JSON.*Tried 3 times"),
    ],
)
def test_answers_that_are_none(server: FakeYahoo, reply: Reply, message: str) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    server.failures["AAPL"] = [reply] * 20
    with pytest.raises(SourceError, match=message) as error:
        client(tries=3).bars("AAPL", "2015-01-01")
    assert "\n" not in str(error.value)


def test_unknown_symbol_is_not_retried(server: FakeYahoo) -> None:
    with pytest.raises(DataError, match="Yahoo has no prices of NOPE"):
        client().bars("NOPE", "2015-01-01")
    assert server.asked == []


def test_no_data_in_these_dates(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    error = {"code": "Bad Request", "description": "Data doesn't exist for startDate"}
    body = json.dumps({"chart": {"result": None, "error": error}}).encode()
    server.failures["AAPL"] = [Reply(400, body)] * 2
    with pytest.raises(DataError, match="no prices of AAPL from 2050-01-01 to now"):
        client().bars("AAPL", "2050-01-01")


def test_bars_that_are_no_prices(server: FakeYahoo) -> None:
    chart = make_chart(DAYS)
    chart["indicators"]["adjclose"][0]["adjclose"][5] = -1.0
    server.charts["AAPL"] = chart
    with pytest.raises(
        DataError, match="Yahoo's prices cannot be used: AAPL: adj_close of 2015-01-12"
    ):
        client().bars("AAPL", "2015-01-01")


def test_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 1 refuses: a proxy that is not there.
    for name, value in through_proxy(port=1).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SourceError, match=r"Yahoo was not reached .*check the connection") as error:
        client().bars("AAPL", "2015-01-01")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("symbol", ["../../etc/passwd", "AA?x=1", "aapl", "", "US0378331005"])
def test_symbols_that_never_reach_the_network(symbol: str) -> None:
    with pytest.raises(DataError):
        client().bars(symbol)


def test_cache_folder_is_private(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    client().bars("AAPL", "2015-01-01")
    folder = paths.store() / ".yfinance"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert any(folder.iterdir())


def test_symbols_are_spaced(server: FakeYahoo) -> None:
    server.charts["AAPL"] = server.charts["KO"] = make_chart(DAYS)
    yahoo = client(spacing_s=0.3)
    yahoo.bars("AAPL", "2015-01-01")
    started = time.monotonic()
    yahoo.bars("KO", "2015-01-01")
    assert time.monotonic() - started >= 0.29


def daily(n_bars: int, last: pd.Timestamp) -> pd.DataFrame:
    days = pd.bdate_range(end=last, periods=n_bars, tz=ZONE)
    names = ["Open", "High", "Low", "Close", "Adj Close"]
    frame = pd.DataFrame({name: np.linspace(10, 11, n_bars) for name in names}, index=days)
    return frame.assign(**{"Volume": 100, "Dividends": 0.0, "Stock Splits": 0.0})


@pytest.mark.parametrize(
    ("now", "session_end", "unfinished"),
    [
        ("2024-03-08 11:00", "2024-03-08 16:00", True),
        ("2024-03-08 16:20", "2024-03-08 16:00", True),
        ("2024-03-08 16:31", "2024-03-08 16:00", False),
        ("2024-03-08 23:00", None, True),
        ("2024-03-09 11:00", "2024-03-08 16:00", False),
        ("2024-03-09 11:00", None, False),
    ],
)
def test_todays_bar_waits_for_the_close(
    now: str, session_end: str | None, unfinished: bool
) -> None:
    frame = daily(5, pd.Timestamp("2024-03-08"))
    end = None if session_end is None else pd.Timestamp(session_end, tz=ZONE)
    bars = clean(frame, end, pd.Timestamp(now, tz=ZONE).tz_convert("UTC"))
    assert bars.unfinished is unfinished
    assert len(bars.frame) == (4 if unfinished else 5)


def test_zero_opens_are_blanks() -> None:
    frame = daily(5, pd.Timestamp("1970-03-06"))
    frame.loc[frame.index[:2], "Open"] = 0.0
    bars = clean(frame, None, pd.Timestamp.now("UTC"))
    assert np.isnan(bars.frame["open"].iloc[:2]).all()
    assert len(bars.frame) == 5
