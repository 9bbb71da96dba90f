from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import DataError
from forecasting.market import Panel, PriceSource, load_prices
from forecasting.market import sources as module
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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sampel", "did you mean 'sample'"),
        ("simulated-randomwalk", "did you mean 'simulated-random-walk'"),
        ("yahoo", "no price source 'yahoo'"),
        ("quotes", "expected one of sample, sample-ohlcv"),
        ("nowhere.csv", "no price files at nowhere.csv"),
        ("simulated:speed=3", "'speed=3' in 'simulated:speed=3' is no setting"),
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


def test_a_new_source_is_one_line(monkeypatch: pytest.MonkeyPatch, prices: Panel) -> None:
    class Constant:
        name = "constant"

        def tickers(self) -> tuple[str, ...]:
            return prices.tickers

        def load(self, tickers: object = None, start: object = None, end: object = None) -> Panel:
            return prices

    monkeypatch.setitem(module.SOURCES, "constant", lambda name: Constant())
    np.testing.assert_array_equal(load_prices("constant").times, prices.times)
