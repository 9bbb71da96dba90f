import json

import numpy as np
import pytest
from conftest import make_frames
from market.store.answers import pay_dividend, store

from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.store.pins import Pin, Pins, load_pinned, pins
from forecasting.market.store.source import StoreSource

FRAMES = make_frames()


def fill(n_bars: int, dividend: float = 1.0) -> None:
    for ticker, frame in FRAMES.items():
        store(pay_dividend(frame.iloc[:n_bars], dividend), ticker)


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"tickers": ["CCC", "AAA"]},
        {"start": "2010-06-01"},
        {"end": "2011-03-01"},
        {"tickers": ["DDD", "BBB"], "start": "2010-09-15", "end": "2011-03-01"},
    ],
)
def test_a_run_sees_its_panel_again(span: dict) -> None:
    fill(400)
    panel = StoreSource().load(**span)
    pinned = Pins.from_dict(json.loads(json.dumps(pins(panel).as_dict())))
    assert pinned == pins(panel)
    fill(420)
    fill(430, dividend=0.99)
    fill(440, dividend=0.98)
    again = load_pinned(pinned)
    assert again.vintage == panel.vintage
    assert again.tickers == panel.tickers
    np.testing.assert_array_equal(again.times, panel.times)
    assert StoreSource().load(**span).vintage != panel.vintage


def test_pins_taken_after_a_refresh_find_the_generation() -> None:
    fill(400)
    panel = StoreSource().load(["AAA"])
    fill(410, dividend=0.99)
    assert pins(panel).tickers == {"AAA": Pin(1, 400)}


def test_prices_that_are_not_of_the_store(prices: Panel) -> None:
    with pytest.raises(DataError, match=r"bars of AAA \(1d\) are not those of the store"):
        pins(prices)


def test_a_store_that_was_deleted() -> None:
    fill(400, dividend=0.99)
    pinned = pins(StoreSource().load(["AAA"]))
    changed = Pins(pinned.interval, pinned.first, pinned.tickers, vintage="0" * 64)
    with pytest.raises(DataError, match="AAA are not those that were pinned"):
        load_pinned(changed)
