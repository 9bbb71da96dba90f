import json
import math
import os
import signal

import pandas as pd
import pytest
from market.yahoo_charts import Reply, make_chart
from market.yahoo_server import FakeYahoo

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.fetching.fetch import fetch, resume
from forecasting.market.fetching.journal import last_fetch
from forecasting.market.fetching.report import FetchInterrupted
from forecasting.market.store import StoreSource
from forecasting.market.yahoo.client import Yahoo
from forecasting.market.yahoo.throttle import Throttle

DAYS = pd.bdate_range("2015-01-05", periods=60)
BUSY = Reply(429, b"Too Many Requests")


def client(patience: int = 100) -> Yahoo:
    return Yahoo(Throttle(math.inf, backoff_s=0.0, patience=patience), tries=2, timeout_s=5.0)


def test_resume_asks_for_what_did_not_arrive(server: FakeYahoo) -> None:
    server.charts.update(dict.fromkeys(("AAPL", "KO", "XOM"), make_chart(DAYS)))
    server.failures["KO"] = [BUSY] * 4
    first = fetch(["AAPL", "KO", "XOM"], start="2015-02-02", client=client())
    assert list(first.failed) == ["KO"]
    server.asked.clear()
    second = resume(client=client())
    assert set(server.asked) == {"KO"}
    assert second.stored["KO"].manifest.first == "2015-02-02"
    assert resume(client=client()).total == 0


def test_many_refusals_open_the_circuit(server: FakeYahoo) -> None:
    names = [f"T{k}" for k in range(40)]
    server.charts.update(dict.fromkeys(names, make_chart(DAYS)))
    server.failures.update({name: [BUSY] * 20 for name in names[5:]})
    report = fetch(names, client=client(patience=8))
    assert "T0" in report.stored
    assert "failed 8 times in a row, the last time: HTTP 429." in report.stopped
    assert len(report.not_tried) >= 25
    assert report.total == 40
    assert len(server.asked) < 40
    server.failures.clear()
    again = resume(client=client())
    assert len(again.stored) == 40 - len(report.stored)
    assert len(StoreSource().tickers()) == 40


def test_ctrl_c_then_resume(server: FakeYahoo) -> None:
    names = [f"T{k}" for k in range(20)]
    server.charts.update(dict.fromkeys(names, make_chart(DAYS)))

    def interrupt(symbol: str) -> None:
        if symbol == "T6":
            os.kill(os.getpid(), signal.SIGINT)

    server.on_ask = interrupt
    with pytest.raises(FetchInterrupted) as stop:
        fetch(names, client=client())
    arrived = last_fetch().stored
    assert 0 < len(arrived) < 20
    assert (stop.value.arrived, stop.value.left) == (len(arrived), 20 - len(arrived))
    server.on_ask, server.asked = lambda symbol: None, []
    report = resume(client=client())
    assert sorted([*arrived, *report.stored]) == sorted(names)
    assert not set(arrived) & set(server.asked)
    assert len(StoreSource().tickers()) == 20


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": "yahoo"}', "null"])
def test_a_damaged_journal(content: str) -> None:
    place = paths.store() / ".fetch" / "last.json"
    place.parent.mkdir(parents=True)
    place.write_text(content)
    with pytest.raises(DataError, match=r"last.json is damaged .*start the fetch anew"):
        resume(client=client())


def test_a_journal_is_not_believed(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    fetch(["AAPL", "NOPE"], client=client())
    place = paths.store() / ".fetch" / "last.json"
    told = json.loads(place.read_text())
    place.write_text(json.dumps(told | {"waiting": ["../../etc/passwd"]}))
    with pytest.raises(DataError, match="is no symbol"):
        resume(client=client())


def test_nothing_to_resume() -> None:
    with pytest.raises(DataError, match="there is no fetch to resume: name the tickers"):
        resume()


@pytest.mark.usefixtures("dead_network")
def test_a_dead_network_is_given_up() -> None:
    report = fetch([f"T{k}" for k in range(50)], client=client(patience=8))
    assert not report.stored
    assert len(report.not_tried) > 40
    assert "Yahoo was not reached" in report.stopped
