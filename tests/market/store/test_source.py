import pytest
from conftest import make_frames
from market.store.answers import make_bars, store

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.sources import PriceSource, load_prices, open_source
from forecasting.market.store.source import StoreSource


def test_what_is_stored_is_loaded(prices: Panel) -> None:
    for ticker, frame in make_frames().items():
        store(frame, ticker)
    panel = load_prices("store")
    assert panel.vintage == prices.vintage
    assert panel.source == "store (from test)"
    assert load_prices("store", ["CCC", "AAA"]).tickers == ("CCC", "AAA")
    part = load_prices("store", ["DDD"], start="2011-01-01", end="2011-06-30")
    assert part.vintage == prices.select(["DDD"]).between("2011-01-01", "2011-06-30").vintage


def test_intervals_lie_apart() -> None:
    store(make_bars(60))
    store(make_bars(50), "BBB", interval="1h")
    hourly = open_source("store:interval=1h")
    assert isinstance(hourly, PriceSource)
    assert (hourly.tickers(), open_source("store").tickers()) == (("BBB",), ("AAA",))
    panel = hourly.load()
    assert (panel.interval, len(panel.times)) == ("1h", 50)
    with pytest.raises(DataError, match=r"has no 5m bars: expected one of 1d, 1h\. Choose it by"):
        open_source("store:interval=5m").tickers()


def test_empty_store() -> None:
    with pytest.raises(DataError, match=r"is empty: .*Run `forecasting fetch TICKER...` first"):
        StoreSource().load()
    with pytest.raises(DataError, match=r"\(5m\).* `forecasting fetch TICKER... --interval 5m`"):
        StoreSource("store:interval=5m").tickers()


def test_files_of_the_first_version() -> None:
    paths.store().mkdir(parents=True)
    (paths.store() / "AAPL.json").write_text("{}")
    with pytest.raises(DataError, match="the files of AAPL are of an earlier version, delete them"):
        StoreSource().tickers()


@pytest.mark.parametrize(
    ("ticker", "message"),
    [
        ("BBB", "ticker 'BBB' is not in the store: it has 1 .AAA."),
        ("../../etc/passwd", "is no symbol"),
        ("aaa", "expected 'AAA'"),
    ],
)
def test_unknown_tickers(ticker: str, message: str) -> None:
    store(make_bars(60))
    with pytest.raises(DataError, match=message):
        StoreSource().load([ticker])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("store:bars=1h", "'bars=1h' is no setting of the store: expected interval=1h"),
        ("store:interval=daily", "'daily' is no bar length"),
        ("store:interval=", "no bar length"),
    ],
)
def test_settings(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_source(name)
