import math

import numpy as np
import pandas as pd
import pytest
from market.yahoo_charts import Reply, make_chart, make_intraday
from market.yahoo_server import FakeYahoo

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.fetching.fetch import fetch
from forecasting.market.store import StoreSource, read
from forecasting.market.store.refresh import refresh
from forecasting.market.yahoo.client import Yahoo
from forecasting.market.yahoo.throttle import Throttle

DAYS = pd.bdate_range("2015-01-05", periods=60)
BUSY = Reply(429, b"Too Many Requests")


def client(patience: int = 100) -> Yahoo:
    return Yahoo(Throttle(math.inf, backoff_s=0.0, patience=patience), tries=2, timeout_s=5.0)


def test_fetch_fills_the_store(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS, null=(4,))
    server.charts["^GSPC"] = make_chart(DAYS)
    seen: list[tuple[str, int, int]] = []
    report = fetch(
        ["AAPL", "^GSPC", "AAPL"],
        start="2015-01-01",
        client=client(),
        progress=lambda *step: seen.append(step),
    )
    assert list(report.stored) == ["AAPL", "^GSPC"]
    assert [made.null_bars for made in report.stored.values()] == [1, 0]
    assert (report.failed, report.not_tried, report.stopped) == ({}, (), "")
    assert seen[-1][1:] == (2, 2)
    panel = StoreSource().load(["AAPL", "^GSPC"])
    assert panel.source == "store (from yahoo)"
    np.testing.assert_array_equal(panel.mask.sum(axis=0), [59, 60])


def test_a_refresh_asks_for_a_few_bars_and_adds_the_new_ones(server: FakeYahoo) -> None:
    whole = make_chart(DAYS)
    server.charts["AAPL"] = make_chart(DAYS[:50])
    before = fetch(["AAPL"], start="2015-01-01", client=client()).stored["AAPL"].manifest
    server.charts["AAPL"] = whole
    server.spans.clear()
    made = fetch(["AAPL"], start="2015-01-01", client=client()).stored["AAPL"]
    assert (made.new_bars, made.difference, made.manifest.generation) == (10, None, 1)
    assert (before.rows, made.manifest.rows) == (50, 60)
    assert server.spans[0][0] == pd.Timestamp(DAYS[40], tz="America/New_York").timestamp()
    assert fetch(["AAPL"], start="2015-01-01", client=client()).stored["AAPL"].new_bars == 0


@pytest.mark.parametrize(
    ("later", "summary"),
    [
        ({"scale": 0.5, "splits": {str(DAYS[55].date()): (2, 1)}}, "new split 2"),
        ({"adjustment": 0.8, "dividends": {str(DAYS[55].date()): 1.0}}, "rescaled adjustment"),
    ],
)
def test_a_rescaled_history_is_a_new_generation(
    server: FakeYahoo, later: dict, summary: str
) -> None:
    server.charts["AAPL"] = make_chart(DAYS[:50])
    fetch(["AAPL"], start="2015-01-01", client=client())
    old = read("AAPL")[0]
    server.charts["AAPL"] = make_chart(DAYS, **later)
    made = fetch(["AAPL"], start="2015-01-01", client=client()).stored["AAPL"]
    assert (made.manifest.generation, made.new_bars) == (2, 10)
    assert made.difference is not None
    assert summary in made.difference.summary
    pd.testing.assert_frame_equal(read("AAPL", generation=1)[0], old)


def test_a_revised_bar_is_a_new_generation(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS[:50])
    fetch(["AAPL"], start="2015-01-01", client=client())
    server.charts["AAPL"] = make_chart(DAYS)
    server.charts["AAPL"]["indicators"]["quote"][0]["close"][47] += 0.01
    made = fetch(["AAPL"], start="2015-01-01", client=client()).stored["AAPL"]
    assert made.manifest.generation == 2
    assert made.difference is not None
    assert "revised bars: 1 bar" in made.difference.summary


def test_an_earlier_end_keeps_what_the_store_has(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    fetch(["AAPL"], start="2015-01-01", client=client())
    made = fetch(["AAPL"], start="2015-01-01", end="2015-01-30", client=client()).stored["AAPL"]
    assert (made.manifest.rows, made.new_bars, made.difference) == (60, 0, None)


def test_minutes_beside_days(server: FakeYahoo) -> None:
    yesterday = pd.Timestamp.now("UTC").tz_localize(None) - pd.Timedelta(days=2)
    days = pd.bdate_range(end=yesterday, periods=10)
    server.charts["AAPL"] = make_chart(DAYS)
    server.charts["AAPL 1m"] = make_intraday(days[:8], "1m")
    fetch(["AAPL"], client=client())
    assert fetch(["AAPL"], interval="1m", client=client()).stored["AAPL"].new_bars == 8 * 390
    server.charts["AAPL 1m"] = make_intraday(days, "1m")
    made = fetch(["AAPL"], interval="1m", client=client()).stored["AAPL"]
    assert (made.new_bars, made.manifest.rows) == (2 * 390, 10 * 390)
    assert made.manifest.generation == 1
    assert StoreSource("store:interval=1m").load(["AAPL"]).values.shape[0] == 10 * 390
    assert read("AAPL")[1].rows == 60


def test_minutes_that_yahoo_no_longer_has_are_kept(server: FakeYahoo) -> None:
    recent = pd.Timestamp.now("UTC").tz_localize(None) - pd.Timedelta(days=2)
    server.charts["AAPL 1m"] = make_intraday(pd.bdate_range(end=recent, periods=40), "1m")
    known = client().bars("AAPL", interval="1m").frame
    long_ago = known.iloc[:390].set_axis(known.index[:390] - pd.Timedelta(days=60))
    stored, start = pd.concat([long_ago, known.iloc[:-390]]), str(long_ago.index[0].date())
    refresh("AAPL", lambda first: stored, source="yahoo", interval="1m", start=start)
    made = fetch(["AAPL"], interval="1m", client=client()).stored["AAPL"]
    assert (made.new_bars, made.manifest.generation) == (390, 1)
    assert made.manifest.rows == len(known) + 390


def test_partial_success_is_success(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    report = fetch(["NOPE", "AAPL"], client=client())
    assert list(report.stored) == ["AAPL"]
    assert "Yahoo has no prices of NOPE" in report.failed["NOPE"]


def test_a_failed_fetch_keeps_what_was_there(server: FakeYahoo) -> None:
    server.charts["AAPL"] = server.charts["KO"] = make_chart(DAYS)
    fetch(["AAPL"], start="2015-01-01", client=client())
    before = read("AAPL")[1]
    server.failures["AAPL"] = [BUSY] * 20
    report = fetch(["AAPL", "KO"], start="2015-01-01", client=client())
    assert "HTTP 429" in report.failed["AAPL"]
    assert read("AAPL")[1] == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tickers": ["AAPL", "../../etc/passwd"]}, "is no symbol"),
        ({"tickers": []}, "no tickers came"),
        (
            {"tickers": ["AAPL"], "source": "yaho"},
            "no network source 'yaho': expected one of yahoo",
        ),
        ({"tickers": ["AAPL"], "start": "1/2/2015"}, "start '1/2/2015' is no date"),
        ({"tickers": ["AAPL"], "interval": "2h"}, "no interval '2h'"),
    ],
)
def test_mistakes_are_found_before_the_first_request(arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fetch(**arguments)
    assert not paths.store().exists()
