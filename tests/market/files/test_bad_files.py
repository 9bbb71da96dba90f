"""Files that are refused, in one line."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import make_frames
from market.files.price_texts import HEADER, ROWS, load, write

from forecasting.errors import DataError

BAD = {
    "": "cannot be read: Empty CSV file",
    HEADER: "has a header and no rows",
    HEADER + "2020-01-02,10,11\n": "cannot be read: .*Expected 7 columns, got 3",
    HEADER + ROWS + "2020-01-06,1,2,3,4,5,6,7\n": "Expected 7 columns, got 8",
    "when,close\n2020-01-02,10\n": "has no date column: .* found when, close",
    "date;close\n2020-01-02;10\n": "has no date column: .*write the file with commas",
    "date,open,high,low\n2020-01-02,1,1,1\n": "has no close and no tickers",
    "date,bid_open,bid_close,ask_open,ask_close\n2020-01-02,1,1,1,1\n": "has ask and bid prices: "
    "expected to know which to take. Load it as .*AAA.csv:quote=ask or .*AAA.csv:quote=bid",
    "Price,Close,High\nTicker,AAPL,AAPL\nDate,,\n2020-01-02,1,1\n": "Write it with "
    "multi_level_index=False",
    "date\n2020-01-02\n": "found dates only",
    "ticker,date,open\nA,2020-01-02,1\n": "has no close: .* found ticker, date, open",
    "date,Close,close\n2020-01-02,1,1\n": "two columns for one thing, 'Close' and 'close'",
    "date,close,adj close,adjusted_close\n2020-01-02,1,1,1\n": "two columns for one thing",
    "datetime,time,close\n2020-01-02,09:30,1\n": "two columns for one thing, 'datetime' and 'tim",
    "date,time,close\n2020-01-02,noon,1\n": "'time': row 1 is 'noon', which is no time: expected",
    "date,time,close\n2020-01-02,25:00,1\n": "row 1 is '25:00', which is no time",
    "date,close\n1/13/2020 noon,1\n": "row 1 is '1/13/2020 noon', which is no time",
    "ticker,symbol,date,close\nA,A,2020-01-02,1\n": "two columns for one thing, 'ticker' and 's",
    "date,AAA,AAA\n2020-01-02,1,1\n": "two columns for one thing, 'AAA' and 'AAA'",
    "date,AAA,../B\n2020-01-02,1,1\n": "'../B' cannot be a ticker",
    "date,ticker,close\n2020-01-02,,1\n": "'' cannot be a ticker",
    "date,close\nsoon,1\n": "'date': row 1 is 'soon', which is no date",
    "date,close\n2020-01-02,1\n2020-02-31,2\n": "row 2 is '2020-02-31', which is no date",
    "date,close\n2020-01-02,1\n,2\n": "row 2 is '', which is no date",
    "date,close\n2020-01-02,1\n3/1/2020,2\n": "row 2 is '3/1/2020', which is no date",
    "date,close\n1577923200,1\n1578009600,2\n": "row 1 is '1577923200', which is no date",
    "date,close\n1/2/2020,1\n2/3/2020,2\n": "'1/2/2020' can be month/day or day/month",
    "date,close\n2020-01-02,1\n2020-01-03,1.5x\n": "row 2 of column 'close' is '1.5x': expected",
    'date,close\n2020-01-02,1\n2020-01-03,"1,234.5"\n': "row 2 of column 'close' is '1,234.5'",
    "date,close\n2020-01-03,1\n2020-01-02,2\n": "AAA: the bar of 2020-01-02 is out of order .row 2",
    "date,close\n2020-01-02,1\n2020-01-02,2\n": "the bar of 2020-01-02 is repeated",
    "date,close\n2020-01-02,1\n2020-01-03,0\n": "close of 2020-01-03 is 0 .1 such bars.",
    "date,close\n2020-01-02,1\n2020-01-03,-5\n": "close of 2020-01-03 is -5",
    "date,close\n2020-01-02,1\n2020-01-03,inf\n": "close of 2020-01-03 is inf",
    "date,close\n2020-01-02,3\n2020-01-03,3\n": "adj_close is 3 on all 2 bars",
    "date,close\n2020-01-02,1\n2020-01-03,\n2020-01-06,2\n": "no close on 2020-01-03 .1 such bars.",
    "date,A,B\n2020-01-02,1,1\n2020-01-03,,2\n2020-01-06,2,3\n": "A has no adj_close on 2020-01-03",
    "date,A,B\n2020-01-02,1,\n2020-01-03,2,\n": "B has no price at all",
    "date,close\n2020-01-02 09:00+01:00,1\n2020-01-02 10:00-05:00,2\n": "mixes the time zones",
    "date,close\n2020-01-02 09:00+01:00,1\n2020-01-02 10:00,2\n": "some times have a zone, some",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_files_give_one_line_that_names_them(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=BAD[text]) as error:
        load(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["AAA.csv", "AAA.csv.gz", "AAA.parquet"])
def test_files_of_another_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\xff\xfe\x00" * 50)
    with pytest.raises(DataError, match="AAA") as error:
        load(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.parametrize("text", ["date,clos\u00e9,close\n", "date,ticker,close\n"])
def test_text_that_is_not_utf_8(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "AAA.csv"
    path.write_bytes((text + "2020-01-02,\u00e9,1\n2020-01-03,\u00e9,2\n").encode(encoding))
    with pytest.raises(DataError, match=r"AAA\.csv is no text in UTF-8: .* Save it as UTF-8"):
        load(path)


@pytest.mark.parametrize("name", ["AAA.csv.gz", "AAA.parquet"])
def test_truncated_files(tmp_path: Path, name: str) -> None:
    frame = make_frames(200)["AAA"].rename_axis("date")
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="cannot be read") as error:
        load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"date": [1577923200], "close": [1.0]}, "is of type int64: expected dates or text"),
        ({"date": pd.to_datetime(["2020-01-02"]), "close": [[1.0]]}, "column 'close' is of type"),
        ({"date": pd.to_datetime([None]), "close": [1.0]}, "row 1 has no time"),
    ],
)
def test_parquet_columns_of_other_types(tmp_path: Path, columns: dict, message: str) -> None:
    pd.DataFrame(columns).to_parquet(tmp_path / "AAA.parquet")
    with pytest.raises(DataError, match=message):
        load(tmp_path / "AAA.parquet")


def test_paths_that_hold_no_prices(tmp_path: Path) -> None:
    for name, message in {
        "": "no price files at",
        "nothing.csv": "no price files at",
        "*.csv": "no price files at",
    }.items():
        with pytest.raises(DataError, match=message):
            load(tmp_path / name)
    with pytest.raises(DataError, match=r"is no price file: expected one of \.csv"):
        load(write(tmp_path, "x", "prices.xlsx"))


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    daily, hourly = tmp_path / "daily", tmp_path / "hourly"
    for folder in (daily, hourly):
        folder.mkdir()
        write(folder, HEADER + ROWS)
    write(daily, "date,ticker,close\n2020-01-02,AAA,1\n2020-01-03,AAA,2\n", "more.csv")
    with pytest.raises(DataError, match=r"AAA is in .*AAA.csv and in .*more.csv"):
        load(daily)
    write(hourly, "date,close\n2020-01-02 09:00,1\n2020-01-02 10:00,2\n", "BBB.csv")
    with pytest.raises(DataError, match="BBB has several bars a day, AAA has one"):
        load(hourly)
    write(hourly, "date,close\n2020-01-02 00:00Z,1\n2020-01-03 00:00Z,2\n", "BBB.csv")
    with pytest.raises(DataError, match="some files have times with a zone, some without"):
        load(hourly)
