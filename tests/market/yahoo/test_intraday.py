import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from market.yahoo_charts import Reply, make_intraday
from market.yahoo_server import FakeYahoo

from forecasting.errors import DataError
from forecasting.market.yahoo.client import Yahoo
from forecasting.market.yahoo.throttle import Throttle

# A market of all weekdays, to the day before yesterday: its bars are over in every zone.
DAYS = pd.bdate_range(
    end=pd.Timestamp.now("UTC").tz_localize(None) - pd.Timedelta(days=2), periods=40
)


@pytest.fixture
def client() -> Yahoo:
    return Yahoo(Throttle(math.inf, backoff_s=0.0), timeout_s=5.0)


def test_minutes_are_stitched(server: FakeYahoo, client: Yahoo) -> None:
    server.charts["AAPL 1m"] = make_intraday(DAYS, "1m")
    bars = client.bars("AAPL", interval="1m")
    assert len(server.spans) == 5
    assert all(before[1] == after[0] for before, after in pairwise(server.spans))
    days = DAYS[bars.frame.index[0].normalize() <= DAYS]
    assert len(days) >= 19
    expected = np.concatenate(
        [pd.date_range(day + pd.Timedelta("9h31min"), periods=390, freq="1min") for day in days]
    )
    np.testing.assert_array_equal(bars.frame.index.to_numpy(), expected)
    close = server.charts["AAPL 1m"]["indicators"]["quote"][0]["close"]
    np.testing.assert_array_equal(bars.frame["close"], close[-len(expected) :])
    np.testing.assert_array_equal(bars.frame["adj_close"], bars.frame["close"])
    assert (bars.null_bars, bars.unfinished, bars.repeated, bars.note) == (0, 0, 0, "")


@pytest.mark.parametrize(
    ("interval", "a_day", "last"), [("5m", 78, "16:00"), ("15m", 26, "16:00"), ("1h", 7, "16:00")]
)
def test_one_request_for_longer_bars(
    server: FakeYahoo, client: Yahoo, interval: str, a_day: int, last: str
) -> None:
    server.charts["AAPL " + interval] = make_intraday(DAYS[-5:], interval, null=(2,))
    bars = client.bars("AAPL", interval=interval)
    assert len(server.spans) == 1
    assert (len(bars.frame), bars.null_bars) == (5 * a_day - 1, 1)
    assert f"{bars.frame.index[-1]:%H:%M}" == last


def test_a_wanted_start_that_yahoo_no_longer_has(server: FakeYahoo, client: Yahoo) -> None:
    server.charts["AAPL 5m"] = make_intraday(DAYS[-5:], "5m")
    bars = client.bars("AAPL", "2015-01-01", interval="5m")
    assert bars.note.startswith("Yahoo has 5m bars of the last 60 days only, from 20")
    with pytest.raises(DataError, match=r"nothing to 2015-02-01\. Choose later dates"):
        client.bars("AAPL", "2015-01-01", "2015-02-01", interval="5m")


def test_a_listing_inside_the_window(server: FakeYahoo, client: Yahoo) -> None:
    server.charts["NEW 1m"] = make_intraday(DAYS[-2:], "1m")
    bars = client.bars("NEW", interval="1m")
    assert len(server.spans) == 5
    assert len(bars.frame) == 2 * 390


def test_a_hole_in_the_middle_is_an_error(server: FakeYahoo, client: Yahoo) -> None:
    server.charts["AAPL 1m"] = make_intraday(DAYS, "1m")
    server.on_ask = lambda symbol: server.failures.update(
        {symbol: [Reply(404, b"{}")] * 9 if len(server.spans) >= 3 else []}
    )
    with pytest.raises(DataError, match="no prices of AAPL"):
        client.bars("AAPL", interval="1m")


def test_nothing_at_all(server: FakeYahoo, client: Yahoo) -> None:
    server.charts["AAPL 1h"] = make_intraday(DAYS[:1], "1h")
    with pytest.raises(DataError, match=r"no prices of AAPL from \d{4}-\d\d-\d\d to now"):
        client.bars("AAPL", str(DAYS[-3].date()), interval="1h")
