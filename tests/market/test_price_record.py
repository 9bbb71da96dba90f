"""Prices are read again as they were, or it is said which others there are by now."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_frames
from market.store.answers import pay_dividend, store

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.checks import quarantine
from forecasting.market.panel import Panel
from forecasting.market.price_record import PriceRecord, record_prices
from forecasting.market.price_request import PriceRequest
from forecasting.market.simulation import simulate
from forecasting.market.sources import load_prices

FRAMES = make_frames(400)


def fill_store(n_bars: int, dividend: float = 1.0) -> None:
    for ticker, frame in FRAMES.items():
        store(pay_dividend(frame.iloc[:n_bars], dividend), ticker)


def write_file(path: Path, n_bars: int) -> Path:
    FRAMES["AAA"].iloc[:n_bars].to_csv(path, index_label="date")
    return path


def reread(record: PriceRecord) -> PriceRecord:
    return PriceRecord.from_dict(json.loads(json.dumps(record.to_dict())))


def assert_same(panel: Panel, expected: Panel) -> None:
    assert (panel.vintage, panel.tickers) == (expected.vintage, expected.tickers)
    assert panel.request == expected.request
    np.testing.assert_array_equal(panel.times, expected.times)
    np.testing.assert_array_equal(panel.values, expected.values)


@pytest.mark.parametrize(
    "asked",
    [
        {"source": "sample", "tickers": ["KO", "AAPL"], "start": "2012-01-01", "end": "2014-01-01"},
        {"source": "sample-ohlcv", "end": "2004-12-31"},
        {"source": "sample:resample=1wk", "start": "2015-01-07"},
        {"source": "simulated-volatility:seed=3,tickers=3,bars=300"},
    ],
)
def test_named_sources_are_read_again(asked: dict) -> None:
    panel = load_prices(**asked)
    assert panel.request == PriceRequest(asked["source"], panel.tickers)
    record = reread(record_prices(panel))
    assert record == record_prices(panel)
    assert_same(record.load(), panel)


def test_a_part_of_a_panel_is_read_again() -> None:
    panel = load_prices("sample-ohlcv")
    assert replace(panel, request=None).vintage == panel.vintage
    part = panel.select(["GOOG", "AAPL"]).between("2004-01-05", "2005-03-01").select(["GOOG"])
    assert_same(record_prices(part).load(), part)
    before_its_listing = panel.between(None, "2003-12-31")
    assert not before_its_listing.mask.any(axis=0).all()
    assert_same(record_prices(before_its_listing).load(), before_its_listing)


def test_an_intraday_panel_that_ends_at_midnight_is_read_again(tmp_path: Path) -> None:
    times = np.arange("2020-01-02T10:00", "2020-01-06T10:00", 60, dtype="datetime64[m]")
    rows = "".join(f"{time},{10 + k}\n" for k, time in enumerate(times))
    (tmp_path / "AAA.csv").write_text("time,close\n" + rows)
    panel = load_prices(tmp_path / "AAA.csv", end="2020-01-03 00:00:00")
    cut = replace(panel, times=panel.times[:15], values=panel.values[:15])
    assert str(cut.times[-1])[:16] == "2020-01-03T00:00"
    assert_same(record_prices(cut).load(), cut)


def test_a_file_is_read_again_from_any_folder_and_after_it_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_file(Path("AAA.csv"), 300)
    panel = load_prices("AAA.csv", start="2010-02-01")
    record = record_prices(panel)
    assert record.request == PriceRequest(str(tmp_path / "AAA.csv"), ("AAA",))
    write_file(Path("AAA.csv"), 310)
    monkeypatch.chdir("/")
    assert_same(record.load(), panel)


def test_settings_of_files_and_their_blanks_are_kept(tmp_path: Path) -> None:
    wide = tmp_path / "wide.csv"
    wide.write_text("date,A,B\n2020-01-02,1,5\n2020-01-03,,6\n2020-01-06,2,7\n2020-01-13,3,8\n")
    name = f"{wide}:resample=1wk"
    panel = load_prices(name, missing="mask")
    assert panel.request == PriceRequest(name, ("A", "B"), "mask")
    assert_same(record_prices(panel).load(), panel)


def test_a_file_that_was_changed_or_removed(tmp_path: Path) -> None:
    path = write_file(tmp_path / "AAA.csv", 300)
    panel = load_prices(path)
    record = record_prices(panel)
    pay_dividend(FRAMES["AAA"], 0.99).to_csv(path, index_label="date")
    now = load_prices(path, end=record.last[:10])
    message = f"AAA.csv has other prices by now: expected vintage {panel.vintage[:12]} .* found "
    with pytest.raises(DataError, match=message + now.vintage[:12]):
        record.load()
    path.unlink()
    with pytest.raises(DataError, match=f"no price files at {path}"):
        record.load()


@pytest.mark.parametrize("setting", ["", ":resample=1wk"])
@pytest.mark.parametrize("span", [{}, {"tickers": ["DDD", "BBB"], "end": "2011-03-01"}])
def test_the_store_is_read_at_its_old_generation(setting: str, span: dict) -> None:
    fill_store(350)
    panel = load_prices(f"store{setting}", **span)
    record = reread(record_prices(panel))
    assert record.pins is not None
    assert {pin.generation for pin in record.pins.tickers.values()} == {1}
    fill_store(360)
    fill_store(380, dividend=0.99)
    assert load_prices(f"store{setting}", **span).vintage != panel.vintage
    assert_same(record.load(), panel)


def test_a_store_that_was_deleted() -> None:
    fill_store(300)
    record = record_prices(load_prices("store"))
    paths.store().rename(paths.store().with_name("elsewhere"))
    with pytest.raises(DataError, match=r"AAA .*is not in the store"):
        record.load()


@pytest.mark.parametrize("setting", ["", ":resample=1wk"])
def test_a_panel_that_the_store_never_had_is_recorded_with_a_doubt(setting: str) -> None:
    fill_store(300)
    panel = load_prices(f"store{setting}")
    record = record_prices(replace(panel, values=panel.values * 2))
    assert record.pins is None
    with pytest.raises(
        DataError, match=r"even at the time: .*(not those of the store|other prices)"
    ):
        record.load()


@pytest.mark.parametrize("source", ["file", "store", "store:resample=1wk"])
def test_members_of_a_universe_are_marked_again(source: str, tmp_path: Path) -> None:
    fill_store(300)
    FRAMES["CCC"].iloc[:120].pipe(store, "GONE")
    table = tmp_path / "members.csv"
    rows = "AAA,2010-02-01,,\nCCC,2010-01-01,2010-06-30,\nGONE,2010-01-01,2010-06-30,-0.5\n"
    table.write_text(f"symbol,from,to,final_return\n{rows}")
    name = source if source != "file" else str(write_file(tmp_path / "AAA.csv", 300))
    panel = load_prices(name, universe=table, start="2010-01-20")
    record = reread(record_prices(panel))
    assert_same(record.load(), panel)
    np.testing.assert_array_equal(record.load().member, panel.member)
    assert panel.request is not None
    unknown = record_prices(replace(panel, request=replace(panel.request, universe=None)))
    with pytest.raises(DataError, match="universe was applied in memory"):
        unknown.load()
    if source != "file":
        fill_store(320, dividend=0.99)
        assert_same(record.load(), panel)
    table.write_text("symbol,from,to\nAAA,2010-03-01,\n")
    with pytest.raises(DataError, match=r"members\.csv has changed: .* Restore it"):
        record.load()


@pytest.mark.parametrize("source", ["sample-ohlcv", "store"])
def test_a_quarantine_is_applied_again(source: str, tmp_path: Path) -> None:
    fill_store(300)
    loaded = load_prices(source)
    days = [str(time)[:10] for time in loaded.times[[40, 42]]]
    stretches = [quarantine.Stretch(name, *days, "by-hand", "") for name in loaded.tickers]
    quarantine.write(tmp_path / "quarantine.csv", stretches)
    panel = load_prices(source, quarantine=tmp_path / "quarantine.csv")
    assert panel.vintage != loaded.vintage
    record = reread(record_prices(panel))
    fill_store(320, dividend=0.99)
    assert_same(record.load(), panel)


def test_prices_in_memory() -> None:
    panel = simulate("volatility", n_tickers=2, n_bars=300)
    record = reread(record_prices(panel))
    assert record.request is None
    with pytest.raises(DataError, match=r"prices in memory .* cannot be read again") as caught:
        record.load()
    assert "\n" not in str(caught.value)
    record.require_same(panel)
