import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_frames
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market.files.price_texts import HEADER, ROWS, load, long_table, write

from forecasting.errors import DataError
from forecasting.market.files.source import PriceFiles
from forecasting.market.panel import COLUMNS, Panel


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
