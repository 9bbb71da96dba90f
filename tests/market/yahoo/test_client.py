import json
import math
import stat
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pandas as pd
import pytest
from market.yahoo_charts import ZONE, Reply, make_chart
from market.yahoo_server import FakeYahoo

from forecasting import paths
from forecasting.errors import DataError, SourceError
from forecasting.market.yahoo.client import Yahoo
from forecasting.market.yahoo.throttle import NotAsked, Throttle

DAYS = pd.bdate_range("2015-01-05", periods=60)


def client(tries: int = 4, timeout_s: float = 5.0, **throttle: float) -> Yahoo:
    quick = {"rate": math.inf, "backoff_s": 0.0, "patience": 100}
    return Yahoo(Throttle(**{**quick, **throttle}), tries=tries, timeout_s=timeout_s)


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
    assert (bars.null_bars, bars.unfinished) == (0, 0)


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
        (Reply(200, b""), "cannot be read .*Tried 3 times"),
        (Reply(200, b"<html>Will be right back</html>"), "cannot be read .*Tried 3 times"),
        (Reply(200, b'{"chart": null}', missing_bytes=900), "was not reached .*Tried 2 times"),
        (Reply(401, b"Unauthorized"), "HTTP 401.*Tried 3 times"),
    ],
)
def test_answers_that_are_none(server: FakeYahoo, reply: Reply, message: str) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    server.failures["AAPL"] = [reply] * 20
    with pytest.raises(SourceError, match=f"AAPL: Yahoo.*{message}") as error:
        client(tries=3).bars("AAPL", "2015-01-01")
    assert "\n" not in str(error.value)


def test_unknown_symbol_is_not_retried(server: FakeYahoo) -> None:
    with pytest.raises(DataError, match="Yahoo has no prices of NOPE"):
        client().bars("NOPE", "2015-01-01")
    assert server.requests[2:] == ["/v8/finance/chart/NOPE"]


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


@pytest.mark.usefixtures("dead_network")
def test_unreachable() -> None:
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


def test_every_request_is_spaced(server: FakeYahoo) -> None:
    server.charts["AAPL"] = server.charts["KO"] = make_chart(DAYS)
    yahoo = client(rate=10)
    started = time.monotonic()
    yahoo.bars("AAPL", "2015-01-01")
    yahoo.bars("KO", "2015-01-01")
    # Cookie and crumb, then a zone and bars for each symbol.
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(server: FakeYahoo, form: str) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    until = datetime.now(UTC) + timedelta(seconds=2.0)
    value = "1" if form == "seconds" else format_datetime(until, usegmt=True)
    server.failures["AAPL"] = [Reply(429, b"Too Many Requests", {"Retry-After": value})]
    started = time.monotonic()
    assert len(client().bars("AAPL", "2015-01-01").frame) == len(DAYS)
    # A date has whole seconds only.
    assert time.monotonic() - started >= 0.9


def test_an_hour_is_not_waited_for(server: FakeYahoo) -> None:
    server.charts["AAPL"] = server.charts["KO"] = make_chart(DAYS)
    server.failures["AAPL"] = [Reply(429, b"Too Many Requests", {"Retry-After": "3600"})]
    yahoo = client()
    with pytest.raises(NotAsked, match=r"left alone for 60 minutes .HTTP 429.") as error:
        yahoo.bars("AAPL", "2015-01-01")
    assert "\n" not in str(error.value)
    with pytest.raises(NotAsked):
        yahoo.bars("KO", "2015-01-01")
    assert server.asked == ["AAPL"]


def test_a_slow_answer_is_not_waited_for(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    server.failures["AAPL"] = [Reply(200, b"{}", delay_s=1.0)] * 2
    with pytest.raises(
        SourceError, match=r"AAPL: Yahoo did not answer within 0.3 seconds. Tried 2"
    ):
        client(timeout_s=0.3).bars("AAPL", "2015-01-01")


def test_slow_once_then_fine(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    server.failures["AAPL"] = [Reply(200, b"{}", delay_s=1.0)]
    assert len(client(timeout_s=0.5).bars("AAPL", "2015-01-01").frame) == len(DAYS)


def test_out_of_order_and_repeated_bars(server: FakeYahoo) -> None:
    chart = make_chart(DAYS)
    order = np.array([*range(len(DAYS))[::-1], 4, 7])
    chart["timestamp"] = [chart["timestamp"][k] for k in order]
    for columns in (chart["indicators"]["quote"][0], chart["indicators"]["adjclose"][0]):
        columns.update({name: [values[k] for k in order] for name, values in columns.items()})
    server.charts["KO"], server.charts["AAPL"] = make_chart(DAYS), chart
    straight, shuffled = (client().bars(name, "2015-01-01") for name in ("KO", "AAPL"))
    pd.testing.assert_frame_equal(straight.frame, shuffled.frame)
    assert (straight.repeated, shuffled.repeated) == (0, 2)


def test_an_unknown_interval() -> None:
    with pytest.raises(DataError, match="no interval '2h': expected one of 1d, 1m, 5m, 15m, 1h"):
        client().bars("AAPL", interval="2h")
