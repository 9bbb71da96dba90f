"""Dates and layouts of many senders."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market.files.price_texts import HEADER, ROWS, load, write

from forecasting.errors import DataError


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        ("2020-01-02 09:30", "2020-01-02 09:31", "1m"),
        ("2020-01-02 09:30", "2020-01-02 09:35", "5m"),
        ("2020-01-02T09:30:00", "2020-01-02T10:30:00", "1h"),
        ("2020-01-02 09:30", "2020-01-02 13:30", "4h"),
        ("2020-01-02", "2020-01-03", "1d"),
        ("2020-01-03", "2020-01-10", "1wk"),
        ("2020-01-31", "2020-02-28", "1mo"),
        ("20200102", "20200103", "1d"),
        ("02.01.2020", "03.01.2020", "1d"),
        ("02.01.2020 09:00:00.000", "02.01.2020 10:00:00.000", "1h"),
        ("1/2/2020", "1/13/2020", "1wk"),
        ("12/1/2020", "13/1/2020", "1d"),
        ("2020-01-02 00:00:00-05:00", "2020-01-03 00:00:00-05:00", "1d"),
    ],
)
def test_dates_and_intervals(tmp_path: Path, first: str, second: str, label: str) -> None:
    panel = load(write(tmp_path, f"date,close\n{first},10\n{second},11\n"))
    assert panel.interval == label
    assert panel.times[0] >= np.datetime64("2020-01-02")


@pytest.mark.parametrize(
    ("first", "second", "time"),
    [
        ("20200102 093000", "20200102 094000", "2020-01-02T09:30"),
        ("1/2/2020 09:30", "1/13/2020 9:30", "2020-01-02T09:30"),
        ("02.01.2020 9:30:15", "03.01.2020 09:30:15", "2020-01-02T09:30:15"),
        ("2020.01.02 09:30", "2020.01.02 09:45", "2020-01-02T09:30"),
        ("2020/1/2", "2020/1/3", "2020-01-02"),
        ("02.01.2020 00:00:00.250", "03.01.2020 00:00:00.000", "2020-01-02T00:00:00.250"),
    ],
)
def test_dates_of_other_lands(tmp_path: Path, first: str, second: str, time: str) -> None:
    panel = load(write(tmp_path, f"date,close\n{first},10\n{second},11\n"))
    assert panel.times[0] == np.datetime64(time)


def test_slashed_dates_are_decided_by_the_column(tmp_path: Path) -> None:
    for text, expected in {
        "1/2/2020,10\n1/13/2020": "2020-01-13",
        "1/1/2020,10\n13/1/2020": "2020-01-13",
    }.items():
        panel = load(write(tmp_path, f"date,close\n{text},11\n"))
        assert panel.times[1] == np.datetime64(expected)


def test_summer_time_is_one_zone_and_clock_time_is_kept(tmp_path: Path) -> None:
    rows = "2020-03-06 00:00:00-05:00,10\n2020-03-09 00:00:00-04:00,11\n"
    panel = load(write(tmp_path, "date,close\n" + rows))
    assert panel.times.astype("datetime64[h]").astype(str).tolist() == [
        "2020-03-06T00",
        "2020-03-09T00",
    ]
    index = pd.DatetimeIndex(["2020-03-06", "2020-03-09"], tz="America/New_York", name="date")
    pd.DataFrame({"close": [10.0, 11.0]}, index).to_parquet(tmp_path / "BBB.parquet")
    np.testing.assert_array_equal(load(tmp_path / "BBB.parquet").times, panel.times)


STOOQ = """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
AAPL.US,5,20200102,153500,10,12,9,11,100,0
AAPL.US,5,20200102,154000,11,13,10,12,200,0
"""
METATRADER = """<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>
2020.01.02,15:35,10,12,9,11,7,100
2020.01.02,15:40,11,13,10,12,7,200
"""


@pytest.mark.parametrize(
    ("name", "text", "ticker"),
    [("aapl.us.txt", STOOQ, "AAPL.US"), ("AAPL.csv", METATRADER, "AAPL")],
)
def test_files_of_stooq_and_metatrader(tmp_path: Path, name: str, text: str, ticker: str) -> None:
    panel = load(write(tmp_path, text, name))
    assert (panel.tickers, panel.interval) == ((ticker,), "5m")
    assert panel.times[0] == np.datetime64("2020-01-02T15:35")
    for column, values in {"low": [9, 10], "close": [11, 12], "volume": [100, 200]}.items():
        np.testing.assert_array_equal(panel.column(column)[:, 0], values)


def test_daily_stooq_files_and_yahoo_exports(tmp_path: Path) -> None:
    rows = (
        STOOQ.replace(",5,", ",D,")
        .replace("153500", "000000")
        .replace("20200102,154000", "20200103,000000")
    )
    panel = load(write(tmp_path, rows, "aapl.us.txt"))
    assert panel.interval == "1d"
    assert panel.times[1] == np.datetime64("2020-01-03")
    yahoo = HEADER + ROWS + "2020-01-06,null,null,null,null,null,null\n2020-01-07,1,1,1,1,1,1\n"
    assert len(load(write(tmp_path, yahoo), missing="mask").times) == 3


def test_a_text_file_has_to_be_named(tmp_path: Path) -> None:
    for name in ("AAA.csv", "BBB.txt"):
        write(tmp_path, HEADER + ROWS, name)
    assert load(tmp_path).tickers == ("AAA",)
    assert load(tmp_path / "BBB.txt").tickers == ("BBB",)
    assert load(tmp_path / "*.txt").tickers == ("BBB",)


def test_a_point_is_a_blank(tmp_path: Path) -> None:
    path = write(tmp_path, "date,vix\n1/12/2020,12\n1/13/2020,.\n1/14/2020,13\n")
    with pytest.raises(
        DataError, match=r"has no adj_close on 2020-01-13 .* load it with --missing"
    ):
        load(path)
    assert len(load(path, missing="mask").times) == 2


def test_bid_and_ask_are_chosen(tmp_path: Path) -> None:
    header = "time,bid_open,Bid Close,ask_open,AskClose\n"
    path = write(tmp_path, header + "2020-01-02,1,2,3,4\n2020-01-03,2,3,4,5\n")
    bid, ask = (load(f"{path}:quote={side}") for side in ("bid", "ask"))
    np.testing.assert_array_equal(bid.column("close")[:, 0], [2, 3])
    np.testing.assert_array_equal(ask.column("open")[:, 0], [3, 4])
    assert "columns left out: bid_open, Bid Close" in ask.source
    with pytest.raises(DataError, match=r"has no ask prices: .* Leave quote=ask out"):
        load(f"{write(tmp_path, HEADER + ROWS)}:quote=ask")
