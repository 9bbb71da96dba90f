import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import make_frames
from market.yahoo_server import FakeYahoo, Reply, forget_yfinance, make_chart, serve, through_proxy

from forecasting import paths
from forecasting.errors import DataError, SourceError
from forecasting.market import atomic_file, store_files
from forecasting.market.panel import Panel
from forecasting.market.store import StoreSource, fetch
from forecasting.market.yahoo import Yahoo

DAYS = pd.bdate_range("2015-01-05", periods=30)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    forget_yfinance()
    with serve(tmp_path) as yahoo:
        for name, value in yahoo.environment.items():
            monkeypatch.setenv(name, value)
        yield yahoo
    forget_yfinance()


def client() -> Yahoo:
    return Yahoo(spacing_s=0.0, backoff_s=0.0, timeout_s=5.0, tries=2)


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_what_is_written_is_read(prices: Panel) -> None:
    frames = make_frames()
    for ticker, frame in frames.items():
        store_files.write(ticker, frame, source="test")
    panel = StoreSource().load()
    assert panel.vintage == prices.vintage
    assert panel.source == "store (from test)"
    assert StoreSource().load(["CCC", "AAA"]).tickers == ("CCC", "AAA")


def test_close_only_frames_stay_close_only() -> None:
    frame = make_frames()["AAA"][["adj_close"]]
    store_files.write("^VIX", frame, source="test")
    assert list(store_files.read("^VIX")[0].columns) == ["adj_close"]
    assert visible(paths.store()) == ["%5EVIX.json", "%5EVIX.parquet"]
    assert StoreSource().tickers() == ("^VIX",)


def test_manifest() -> None:
    stored = store_files.write("AAA", make_frames()["AAA"], source="test")
    content = (paths.store() / "AAA.parquet").read_bytes()
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert (stored.rows, stored.first, stored.interval) == (600, "2010-01-04", "1d")
    assert json.loads((paths.store() / "AAA.json").read_text())["source"] == "test"
    assert pq.read_schema(paths.store() / "AAA.parquet").equals(store_files.SCHEMA)


def test_empty_store() -> None:
    with pytest.raises(DataError, match=r"is empty: .*Run `forecasting fetch TICKER...` first"):
        StoreSource().load()


@pytest.mark.parametrize(
    ("ticker", "message"),
    [
        ("BBB", "ticker 'BBB' is not in the store: it has 1 .AAA."),
        ("../../etc/passwd", "is no symbol"),
        ("aaa", "expected 'AAA'"),
    ],
)
def test_unknown_tickers(ticker: str, message: str) -> None:
    store_files.write("AAA", make_frames()["AAA"], source="test")
    with pytest.raises(DataError, match=message):
        StoreSource().load([ticker])


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_and_sign(path: Path) -> None:
    """Damage that the manifest agrees with: only the page checksum tells."""
    flip_a_byte(path)
    manifest = path.with_suffix(".json")
    said = json.loads(manifest.read_text())
    said["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(said))


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip_a_byte,
        flip_and_sign,
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text('{"ticker": "AAA"}'),
        lambda path: path.with_suffix(".json").write_text("[]"),
    ],
)
def test_damage_names_the_command(damage: Callable[[Path], object]) -> None:
    store_files.write("AAA", make_frames()["AAA"], source="test")
    damage(paths.store() / "AAA.parquet")
    with pytest.raises(DataError, match=r"is damaged .*Run `forecasting fetch AAA` again") as error:
        StoreSource().load(["AAA"])
    assert "\n" not in str(error.value)


def test_bars_that_are_no_prices_are_not_stored() -> None:
    frame = make_frames()["AAA"]
    frame.iloc[5, frame.columns.get_loc("close")] = -1.0
    with pytest.raises(DataError, match="close of 2010-01-11 is -1"):
        store_files.write("AAA", frame, source="test")
    assert not paths.store().exists()


def test_a_crash_leaves_the_old_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = make_frames()["AAA"]
    store_files.write("AAA", frame, source="test")

    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(atomic_file.os, "replace", crash)
        with pytest.raises(DataError, match=r"cannot be written .No space left .* was not stored"):
            store_files.write("AAA", frame.iloc[:100], source="test")
    assert len(store_files.read("AAA")[0]) == 600
    assert not list(paths.store().glob(".*.part"))


def test_two_writers_and_a_reader() -> None:
    frame = make_frames()["AAA"]

    def write_many(n_bars: int) -> None:
        for _ in range(10):
            store_files.write("AAA", frame.iloc[:n_bars], source="test")

    write_many(300)
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write_many, n_bars) for n_bars in (300, 500)]
        while not all(writer.done() for writer in writers):
            assert len(store_files.read("AAA")[0]) in (300, 500)
    for writer in writers:
        writer.result()


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
    assert [stored.ticker for stored in report.stored] == ["AAPL", "^GSPC"]
    assert (report.failed, report.null_bars) == ({}, {"AAPL": 1, "^GSPC": 0})
    assert seen == [("AAPL", 1, 2), ("^GSPC", 2, 2)]
    panel = StoreSource().load(["AAPL", "^GSPC"])
    assert panel.source == "store (from yahoo)"
    np.testing.assert_array_equal(panel.mask.sum(axis=0), [29, 30])


def test_partial_success_is_success(server: FakeYahoo) -> None:
    server.charts["AAPL"] = make_chart(DAYS)
    report = fetch(["NOPE", "AAPL"], client=client())
    assert [stored.ticker for stored in report.stored] == ["AAPL"]
    assert "Yahoo has no prices of NOPE" in report.failed["NOPE"]


def test_a_failed_fetch_keeps_what_was_there(server: FakeYahoo) -> None:
    before = store_files.write("AAPL", make_frames()["AAA"], source="test")
    server.charts["AAPL"] = server.charts["KO"] = make_chart(DAYS)
    server.failures["AAPL"] = [Reply(429, b"Too Many Requests")] * 20
    report = fetch(["AAPL", "KO"], start="2015-01-01", client=client())
    assert "HTTP 429" in report.failed["AAPL"]
    assert store_files.read("AAPL")[1] == before


def test_gives_up_on_a_dead_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in through_proxy(port=1).items():
        monkeypatch.setenv(name, value)
    forget_yfinance()
    with pytest.raises(SourceError, match="none of 50 tickers arrived: Yahoo was not reached"):
        fetch([f"T{k}" for k in range(50)], client=client())
    assert visible(paths.store()) == []
    forget_yfinance()


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
    ],
)
def test_mistakes_are_found_before_the_first_request(arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fetch(**arguments)
