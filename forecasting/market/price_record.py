"""Which prices a result was computed on, written down so that they can be read again years later.

A file may grow, the store may fetch: the record names the bars themselves, by their first and last
time and, in the store, by generation and number. `Panel.vintage` proves that they are the same.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from forecasting.errors import DataError
from forecasting.market.marking import mark
from forecasting.market.panel import Panel
from forecasting.market.price_request import PriceRequest, TableFile
from forecasting.market.resampling import resample
from forecasting.market.sources import ResampledSource, open_source
from forecasting.market.store.pins import Pins, load_pinned, pins
from forecasting.market.store.source import StoreSource


@dataclass(frozen=True)
class PriceRecord:
    """The bars of a panel, and where to read them.

    Attributes:
        source: Where they came from, in words.
        interval: Bar length.
        tickers: In the panel's order.
        first: Time of the first bar, ISO 8601 to the nanosecond.
        last: Time of the last bar, likewise.
        vintage: `Panel.vintage`.
        request: What to ask for; None for a panel that was made in memory.
        pins: What the store is asked for; None for other sources.
        doubt: Why they could not be read again even when this was written; else empty.
    """

    source: str
    interval: str
    tickers: tuple[str, ...]
    first: str
    last: str
    vintage: str
    request: PriceRequest | None = None
    pins: Pins | None = None
    doubt: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> "PriceRecord":
        """The inverse of `to_dict`.

        Raises:
            KeyError: A field is missing.
            TypeError: A field is of another kind, or there are others.
        """
        request, pinned = said["request"], said["pins"]
        nested = {
            "tickers": tuple(said["tickers"]),
            "request": None if request is None else _request(request),
            "pins": None if pinned is None else Pins.from_dict(pinned),
        }
        return cls(**{**said, **nested})

    def load(self) -> Panel:
        """Read the prices again.

        Raises:
            DataError: They were made in memory, they are gone, or they are others by now.
        """
        if self.request is None:
            raise DataError(
                f"prices in memory ({self.source}) cannot be read again: expected prices of a "
                "named source or a file. Pass the same panel from Python, or train on prices that "
                "`load` or --prices reads."
            )
        if self.doubt:
            raise DataError(f"they could not be found again even at the time: {self.doubt}")
        panel = self._read(self.request)
        first, last = np.datetime64(self.first), np.datetime64(self.last)
        panel = panel.at((panel.times >= first) & (panel.times <= last))
        panel = mark(panel, self.request, panel.tickers)
        if panel.tickers != self.tickers:
            panel = panel.select(self.tickers)
        self.require_same(panel)
        return replace(panel, request=self.request)

    def require_same(self, panel: Panel) -> None:
        """Refuse other prices than those of the record.

        Raises:
            DataError: Names the source and both vintages.
        """
        if panel.vintage != self.vintage:
            raise DataError(
                f"{panel.source} has other prices by now: expected vintage {self.vintage[:12]} of "
                f"{len(self.tickers)} tickers from {self.first[:10]} to {self.last[:10]}, found "
                f"{panel.vintage[:12]}. Restore the prices as they were, or train again."
            )

    def _read(self, request: PriceRequest) -> Panel:
        """All bars of the request's tickers, without what its tables say of them."""
        source = open_source(request.source, missing=request.missing)
        if self.pins is None:
            return source.load(request.tickers)
        panel = load_pinned(self.pins)
        if isinstance(source, ResampledSource):
            return resample(panel, source.interval, calendar=source.calendar)
        return panel


def _request(said: Mapping[str, Any]) -> PriceRequest:
    tables = {
        name: None if said[name] is None else TableFile(**said[name])
        for name in ("quarantine", "universe")
    }
    return PriceRequest(**{**said, "tickers": tuple(said["tickers"]), **tables})


def record_prices(panel: Panel) -> PriceRecord:
    """Write down which prices these are.

    Bars of the store are looked up there, which reads them once more.
    """
    record = PriceRecord(
        source=panel.source,
        interval=panel.interval,
        tickers=panel.tickers,
        first=str(np.datetime_as_string(panel.times[0], unit="ns")),
        last=str(np.datetime_as_string(panel.times[-1], unit="ns")),
        vintage=panel.vintage,
        request=panel.request,
    )
    request = panel.request
    if request is None:
        return record
    try:
        if panel.member is not None and request.universe is None:
            raise DataError("their universe was applied in memory, and no file of it is known.")
        source = open_source(request.source, missing=request.missing)
        if isinstance(source, StoreSource) and not (request.quarantine or request.universe):
            return replace(record, pins=pins(panel))
        bars = source.source if isinstance(source, ResampledSource) else source
        if isinstance(bars, StoreSource):
            record = replace(record, pins=pins(bars.load(request.tickers)))
            record.load()  # the store may have fetched since the panel was loaded
    except DataError as error:
        return replace(record, pins=None, doubt=str(error))
    return record
