"""Pins: which bars of the store a panel consists of, so that it can be read again years later.

Bars are only appended to a generation, and older generations stay. A generation and a number of
rows therefore name bars that no later fetch can change.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from forecasting.errors import DataError
from forecasting.market.panel import QUOTED_COLUMNS, Panel
from forecasting.market.store.folders import generations
from forecasting.market.store.generations import read_history
from forecasting.market.store.history import History, as_panel


@dataclass(frozen=True)
class Pin:
    """One ticker's bars: the first `rows` of a generation."""

    generation: int
    rows: int


@dataclass(frozen=True)
class Pins:
    """The bars of a panel.

    Attributes:
        interval: Bar length.
        first: Time of the panel's first bar, ISO 8601 to the nanosecond.
        tickers: Ticker to its bars, in the panel's order.
        vintage: `Panel.vintage`: the proof that they are the same bars.
    """

    interval: str
    first: str
    tickers: dict[str, Pin]
    vintage: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> "Pins":
        """The inverse of `as_dict`."""
        tickers = {ticker: Pin(**pin) for ticker, pin in said["tickers"].items()}
        return cls(said["interval"], said["first"], tickers, said["vintage"])


def pins(panel: Panel) -> Pins:
    """Find the bars of a panel in the store.

    Args:
        panel: As `StoreSource` loaded it; some of its tickers and any span of dates.

    Raises:
        DataError: The store does not have exactly these bars.
    """
    tickers = {
        ticker: _pin(ticker, panel.interval, _history(panel, k))
        for k, ticker in enumerate(panel.tickers)
    }
    first = str(np.datetime_as_string(panel.times[0], unit="ns"))
    return Pins(panel.interval, first, tickers, panel.vintage)


def load_pinned(pinned: Pins) -> Panel:
    """The panel that was pinned, bit by bit, whatever was fetched since.

    Raises:
        DataError: The store no longer has these bars.
    """
    found = {
        ticker: read_history(ticker, pinned.interval, pin.generation, pin.rows)
        for ticker, pin in pinned.tickers.items()
    }
    origins = ", ".join(sorted({said.source for _, said in found.values()}))
    first = np.datetime64(pinned.first)
    histories = {
        ticker: history.part(int(np.searchsorted(history.times, first)))
        for ticker, (history, _) in found.items()
    }
    panel = as_panel(histories, pinned.interval, f"store (from {origins})")
    if panel.vintage != pinned.vintage:
        raise DataError(
            f"the store's bars of {', '.join(pinned.tickers)} are not those that were pinned: "
            f"expected vintage {pinned.vintage[:12]}, found {panel.vintage[:12]}. The store was "
            "deleted and fetched again since."
        )
    return panel


def _history(panel: Panel, k: int) -> History:
    own = panel.mask[:, k]
    columns = [panel.column(name)[own, k] for name in QUOTED_COLUMNS]
    return History(panel.times[own], np.column_stack(columns))


def _pin(ticker: str, interval: str, bars: History) -> Pin:
    if not len(bars):
        raise DataError(f"{ticker} has no bar in the panel: expected some. Drop the ticker.")
    for generation in reversed(generations(ticker, interval)):
        stored, _ = read_history(ticker, interval, generation)
        first = int(np.searchsorted(stored.times, bars.times[0]))
        same = stored.part(first, first + len(bars))
        if np.array_equal(same.times, bars.times) and np.array_equal(
            same.values, bars.values, equal_nan=True
        ):
            return Pin(generation, first + len(bars))
    raise DataError(
        f"the bars of {ticker} ({interval}) are not those of the store: expected a panel as it "
        "was loaded from there."
    )
