from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import DataError
from forecasting.market import Panel, PriceSource, load_prices
from forecasting.market import sources as module
from forecasting.market.resampling import resample
from forecasting.market.sources import SOURCE_NAMES, open_source


@pytest.fixture
def prices_csv(tmp_path: Path) -> Path:
    path = tmp_path / "AAA.csv"
    path.write_text("date,close\n2020-01-02,10\n2020-01-03,11\n")
    return path


@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_every_source_fits_the_protocol(name: str) -> None:
    source = open_source(name)
    assert isinstance(source, PriceSource)
    assert source.name == name


@pytest.mark.parametrize("name", [name for name in SOURCE_NAMES if name != "store"])
def test_every_source_loads_what_it_says_it_has(name: str) -> None:
    tickers = open_source(name).tickers()
    assert load_prices(name).tickers == tickers
    one = load_prices(name, tickers[-1:])
    assert one.tickers == tickers[-1:]
    assert one.mask.any()


def test_the_sample_is_the_default() -> None:
    assert load_prices().vintage == load_prices("sample").vintage


def test_a_path_is_a_source(prices_csv: Path) -> None:
    for source in (prices_csv, str(prices_csv), prices_csv.parent, f"{prices_csv.parent}/*.csv"):
        assert load_prices(source).tickers == ("AAA",)


@pytest.mark.parametrize("settings", ["stamps", "stamps=start, resample=1d", "start", ""])
def test_what_follows_a_file_must_be_settings(prices_csv: Path, settings: str) -> None:
    with pytest.raises(DataError, match=r"behind .*\.csv are no settings: expected name=value"):
        load_prices(f"{prices_csv}:{settings}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sampel", "did you mean 'sample'"),
        ("simulated-randomwalk", "did you mean 'simulated-random-walk'"),
        ("yahoo", "no price source 'yahoo'"),
        ("", "no price source '': expected one of sample, sample-ohlcv"),
        ("sample:weekly", "'weekly' in 'sample:weekly' is no setting: expected resample, calendar"),
        ("quotes", "expected one of sample, sample-ohlcv"),
        ("nowhere.csv", "no price files at nowhere.csv"),
        ("simulated:speed=3", "'speed=3' in 'simulated:speed=3' is no setting"),
        (
            "sample:speed=3",
            "'speed' in 'sample:speed=3' is no setting: expected resample, calendar",
        ),
        ("sample:resampel=1wk", "did you mean 'resample'"),
        ("sampel:resample=1wk", "did you mean 'sample'"),
        ("sample:resample=1w", "'1w' is no interval to resample to: expected one of 1m, 2m"),
        ("sample:resample=1d", "has 1d bars, which make no 1d bars"),
        ("sample:calendar=XNYS", "calendar came without resample"),
        ("simulated:resample=1wk,calendar=NYES", "no exchange calendar 'NYES'"),
        (
            "nowhere.csv:resampel=1d",
            "'resampel' in 'nowhere.csv:resampel=1d' is no setting: did you",
        ),
    ],
)
def test_unknown_sources(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        load_prices(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ticker", ["../../etc/passwd", "NOPE", "A\nB"])
@pytest.mark.parametrize("name", [*SOURCE_NAMES, "file"])
def test_tickers_that_no_source_has(name: str, ticker: str, prices_csv: Path) -> None:
    source = str(prices_csv) if name == "file" else name
    with pytest.raises(DataError) as error:
        load_prices(source, [ticker])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2020-13-01", None, "start '2020-13-01' is no date: expected YYYY-MM-DD"),
        (None, "yesterday", "end 'yesterday' is no date"),
        (None, "01/02/2020", "is no date"),
        ("2020-01-02", "2020-01-01", "start 2020-01-02 lies after end 2020-01-01"),
        ("2050-01-01", None, "no bars from 2050-01-01"),
    ],
)
@pytest.mark.parametrize("name", ["sample", "simulated", "file"])
def test_dates_that_cannot_be(
    name: str, start: str | None, end: str | None, message: str, prices_csv: Path
) -> None:
    source = str(prices_csv) if name == "file" else name
    with pytest.raises(DataError, match=message):
        load_prices(source, start=start, end=end)


def test_both_dates_are_included() -> None:
    panel = load_prices("sample", ["KO"], start="2010-01-04", end="2010-01-08")
    assert panel.times.astype("datetime64[D]").astype(str).tolist() == [
        f"2010-01-{day:02d}" for day in range(4, 9)
    ]


def test_tickers_that_do_not_trade_in_the_span() -> None:
    panel = load_prices("sample-ohlcv", end="2003-12-31")
    assert panel.tickers == ("AAPL", "IBM", "MSFT")
    assert panel.mask.any(axis=0).all()
    message = "FB has no bar from the first to 2003-12-31: .* from 2012-05-18 to 2013-03-01"
    with pytest.raises(DataError, match=message):
        load_prices("sample-ohlcv", ["IBM", "FB"], end="2003-12-31")


@pytest.mark.parametrize(
    ("tickers", "message"),
    [
        ([], "no tickers came"),
        ("AAPL", r"came as the text 'AAPL': expected a list"),
        (["AAPL", "AAPL"], "a ticker came twice"),
    ],
)
def test_ticker_lists_that_are_none(tickers: list[str] | str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_prices("sample", tickers)


def test_missing_is_one_of_two_words(prices_csv: Path) -> None:
    with pytest.raises(DataError, match="missing is 'fill': expected 'error' or 'mask'"):
        load_prices(prices_csv, missing="fill")


@pytest.mark.parametrize("name", ["sample", "simulated:bars=70,tickers=3,seed=1"])
def test_every_source_can_be_resampled(name: str) -> None:
    setting = ("," if ":" in name else ":") + "resample=1wk"
    source = open_source(name + setting)
    assert isinstance(source, PriceSource)
    assert (source.name, source.tickers()) == (name + setting, open_source(name).tickers())
    expected = resample(load_prices(name), "1wk")
    assert source.load().vintage == expected.vintage
    with_calendar = load_prices(f"{name}{setting},calendar=XNYS")
    assert len(with_calendar.times) - len(expected.times) in (0, 1)


def test_dates_are_cut_after_resampling_so_that_weeks_are_whole() -> None:
    whole = load_prices("sample:resample=1wk", ["KO", "AAPL"])
    part = load_prices("sample:resample=1wk", ["KO", "AAPL"], start="2010-01-06", end="2010-02-03")
    days = part.times.astype("datetime64[D]").astype(str).tolist()
    assert days == ["2010-01-08", "2010-01-15", "2010-01-22", "2010-01-29"]
    rows = np.isin(whole.times, part.times)
    np.testing.assert_array_equal(whole.values[rows], part.values)


def test_intraday_files_are_resampled_only_with_a_word_on_their_stamps(tmp_path: Path) -> None:
    path = tmp_path / "AAA.csv"
    times = np.arange("2020-01-02T10:00", "2020-01-06T10:00", 30, dtype="datetime64[m]")
    path.write_text("time,close\n" + "".join(f"{t},{10 + k}\n" for k, t in enumerate(times)))
    with pytest.raises(DataError, match="Add stamps=start or stamps=end"):
        load_prices(f"{path}:resample=1h")
    start, end = (load_prices(f"{path}:stamps={s},resample=1h") for s in ("start", "end"))
    assert (start.interval, str(start.times[0])[:16]) == ("1h", "2020-01-02T11:00")
    assert start.column("adj_close")[:2, 0].tolist() == [11, 13]
    assert str(end.times[0])[:16] == "2020-01-02T10:00"
    assert end.column("adj_close")[:2, 0].tolist() == [10, 12]


def test_a_new_source_is_one_line(monkeypatch: pytest.MonkeyPatch, prices: Panel) -> None:
    class Constant:
        name = "constant"

        def tickers(self) -> tuple[str, ...]:
            return prices.tickers

        def load(self, tickers: object = None, start: object = None, end: object = None) -> Panel:
            return prices

    monkeypatch.setitem(module.SOURCES, "constant", lambda name: Constant())
    np.testing.assert_array_equal(load_prices("constant").times, prices.times)
