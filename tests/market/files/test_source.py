import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_frames
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.files.source import PriceFiles
from forecasting.market.panel import COLUMNS, Panel

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"
ROWS = "2020-01-02,10,11,9,10.5,5.25,100\n2020-01-03,10.5,12,10,11.5,5.75,200\n"


def write(folder: Path, text: str, name: str = "AAA.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path | str, **options: str) -> Panel:
    return PriceFiles(str(path), **options).load()


def long_table() -> pd.DataFrame:
    parts = [frame.assign(ticker=ticker) for ticker, frame in make_frames(80).items() if len(frame)]
    return pd.concat(parts).rename_axis("date").reset_index()


def test_one_ticker_named_by_its_file(tmp_path: Path) -> None:
    panel = load(write(tmp_path, HEADER + ROWS, "BRK-B.csv"))
    assert panel.tickers == ("BRK-B",)
    assert panel.interval == "1d"
    assert panel.source == str(tmp_path / "BRK-B.csv")
    for name, values in {
        "open": [10, 10.5],
        "adj_close": [5.25, 5.75],
        "volume": [100, 200],
    }.items():
        np.testing.assert_array_equal(panel.column(name)[:, 0], values)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_long_files_of_all_kinds(tmp_path: Path, prices: Panel, suffix: str) -> None:
    table = long_table()
    path = tmp_path / f"prices.{suffix}"
    table.to_parquet(path) if suffix == "parquet" else table.to_csv(path, index=False)
    panel = load(path)
    expected = Panel.from_frames({k: v for k, v in make_frames(80).items() if len(v)})
    assert panel.vintage == expected.vintage
    assert PriceFiles(str(path)).tickers() == expected.tickers


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_wide_files_of_all_kinds(tmp_path: Path, suffix: str) -> None:
    frames = {ticker: frame["close"] for ticker, frame in make_frames(200).items()}
    frames.pop("CCC")
    table = pd.DataFrame(frames).rename_axis("Date")
    path = tmp_path / f"prices.{suffix}"
    table.to_parquet(path) if suffix == "parquet" else table.to_csv(path)
    panel = load(path)
    assert panel.tickers == ("AAA", "BBB", "DDD")
    assert panel.source == f"{path} (close taken as adjusted)"
    np.testing.assert_array_equal(panel.column("adj_close"), table.to_numpy())
    assert not panel.mask[:150, 2].any()
    assert panel.mask[150:, 2].all()


@pytest.mark.parametrize("index_name", [None, "Date", "index"])
def test_frames_written_with_their_index(tmp_path: Path, index_name: str | None) -> None:
    frame = make_frames(30)["AAA"].rename_axis(index_name)
    frame.to_csv(tmp_path / "AAA.csv")
    frame.to_parquet(tmp_path / "BBB.parquet")
    assert load(tmp_path / "AAA.csv").vintage == Panel.from_frames({"AAA": frame}).vintage
    assert load(tmp_path / "BBB.parquet").vintage == Panel.from_frames({"BBB": frame}).vintage


@pytest.mark.parametrize(
    "header",
    [
        "DATE,OPEN,HIGH,LOW,CLOSE,ADJ CLOSE,VOLUME",
        "datetime,open,high,low,close,adj_close,volume",
        "Timestamp,Open,High,Low,Close,Adj. Close,Volume",
        "time,open,high,low,close,AdjClose,volume",
        ",Open,High,Low,Close,Adjusted Close,Volume",
    ],
)
def test_names_are_matched_loosely(tmp_path: Path, header: str) -> None:
    plain, other = write(tmp_path, HEADER + ROWS), write(tmp_path, header + "\n" + ROWS, "AAA2.csv")
    np.testing.assert_array_equal(load(plain).values, load(other).values)


def test_close_stands_in_for_the_adjusted_close_and_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, "date,close,amount\n2020-01-02,10,1\n2020-01-03,11,2\n")
    panel = load(path)
    np.testing.assert_array_equal(panel.column("adj_close"), panel.column("close"))
    assert panel.source == f"{path} (close taken as adjusted; columns left out: amount)"


def test_tickers_stay_what_they_are(tmp_path: Path) -> None:
    rows = [f"2020-01-0{day},{t},{10 + day}" for day in (2, 3) for t in ("NA", "TRUE", "000001")]
    panel = load(write(tmp_path, "date,symbol,close\n" + "\n".join(rows)))
    assert panel.tickers == ("NA", "TRUE", "000001")


def test_low_is_a_ticker_too(tmp_path: Path) -> None:
    assert load(write(tmp_path, "Date,HD,LOW\n2020-01-02,1,2\n2020-01-03,2,3\n")).tickers == (
        "HD",
        "LOW",
    )


def test_a_folder_is_one_panel(tmp_path: Path) -> None:
    frames = make_frames(200)
    for ticker, frame in frames.items():
        frame.to_csv(tmp_path / f"{ticker}.csv", index_label="date")
    (tmp_path / "notes.txt").write_text("not prices")
    assert load(tmp_path).vintage == Panel.from_frames(frames).vintage
    some = PriceFiles(f"{tmp_path}/[AB]*.csv").load(["BBB"], "2010-02-01", "2010-02-28")
    assert some.values.shape == (20, 1, len(COLUMNS))


def test_only_wanted_tickers_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path, "date,AAA,BAD\n2020-01-02,1,0\n2020-01-03,2,-1\n")
    assert PriceFiles(str(path)).load(["AAA"]).tickers == ("AAA",)
    with pytest.raises(DataError, match="BAD: adj_close of 2020-01-02 is 0"):
        load(path)


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


def test_missing_prices_can_be_masked(tmp_path: Path) -> None:
    wide = write(tmp_path, "date,A,B\n2020-01-02,1,1\n2020-01-03,,2\n2020-01-06,2,3\n", "wide.csv")
    panel = load(wide, missing="mask")
    np.testing.assert_array_equal(panel.mask, [[True, True], [False, True], [True, True]])
    assert np.isnan(panel.values[1, 0]).all()
    rows = (
        "2020-01-02,A,1,1\n2020-01-03,A,,2\n2020-01-06,A,3,3\n2020-01-03,B,1,1\n2020-01-06,B,2,2\n"
    )
    long = write(tmp_path, "date,ticker,open,close\n" + rows, "long.csv")
    with pytest.raises(
        DataError, match=r"A has no open on 2020-01-03 .1 such bars.*missing='mask'"
    ):
        load(long)
    panel = load(long, missing="mask")
    np.testing.assert_array_equal(panel.mask, [[True, False], [False, True], [True, True]])


def test_a_blank_volume_is_no_missing_price(tmp_path: Path) -> None:
    panel = load(write(tmp_path, "date,close,volume\n2020-01-02,1,\n2020-01-03,2,5\n"))
    np.testing.assert_array_equal(panel.column("volume")[:, 0], [np.nan, 5])


price = st.floats(1e-6, 1e9, allow_nan=False)


@given(st.lists(st.tuples(price, st.none() | price), min_size=3, max_size=20))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_wide_files_equal_a_plain_reader(
    tmp_path: Path, rows: list[tuple[float, float | None]]
) -> None:
    """The slow twin: Python's csv module and float()."""
    days = pd.bdate_range("2020-01-01", periods=len(rows)).strftime("%Y-%m-%d")
    text = "date,A,B\n" + "".join(
        f"{day},{a!r},{'' if b is None else repr(b)}\n"
        for day, (a, b) in zip(days, rows, strict=True)
    )
    path = tmp_path / "wide.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    expected = np.full((len(rows), 2), np.nan)
    for t, row in enumerate(csv.DictReader(text.splitlines())):
        for k, ticker in enumerate("AB"):
            expected[t, k] = float(row[ticker]) if row[ticker] else np.nan
    usable = [
        len(np.unique(column[~np.isnan(column)])) > 1 or np.isfinite(column).sum() == 1
        for column in expected.T
    ]
    if not all(usable):
        with pytest.raises(DataError):
            load(path, missing="mask")
    else:
        panel = load(path, missing="mask")
        np.testing.assert_array_equal(panel.column("adj_close"), expected)
