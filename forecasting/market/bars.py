"""What a feature is computed from: each bar beside the bar before it.

Every array has one value a bar. Whether the bars are all those of one ticker or the newest of many
decides only where volatilities and trailing means come from: `TickerBars` here, and the new bars of
`forecasting.market.feature_stream`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from forecasting.market.panel import Panel
from forecasting.market.volatility import ewma_volatility, range_variance, trailing_mean

Series = Float[np.ndarray, " bar"]
Quantity = Literal["log_return", "squared_return", "range_variance", "volume"]
"""What features take trailing means of."""

USED_COLUMNS = ("open", "high", "low", "close", "volume", "adj_close")


@dataclass(frozen=True, eq=False)
class Bars(ABC):
    """Some bars, and of each the bar before of the same ticker.

    Attributes:
        times: When the bars are known.
        previous_times: When the bars before were; NaT where there is none.
        columns: `USED_COLUMNS` of the bars, NaN where the source has none.
        previous_close: Adjusted close of the bar before; NaN where there is none.
        decay: Weight of the past in the EWMA volatility.
    """

    times: np.ndarray
    previous_times: np.ndarray
    columns: dict[str, Series]
    previous_close: Series
    decay: float

    @property
    @abstractmethod
    def volatility(self) -> Series:
        """EWMA volatility known at the close of each bar."""

    @property
    @abstractmethod
    def known_before(self) -> Series:
        """EWMA volatility known one bar earlier."""

    @abstractmethod
    def trailing_mean(self, quantity: Quantity, length: int) -> Series:
        """Mean over the last `length` bars, this one included; NaN until there are that many."""

    @abstractmethod
    def mean_before(self, quantity: Quantity, length: int) -> Series:
        """Mean over the `length` bars before this one; NaN until there are that many."""

    @cached_property
    def log_return(self) -> Series:
        """Decimal log return of the adjusted close; NaN on a ticker's first bar."""
        return np.log(self.columns["adj_close"]) - np.log(self.previous_close)

    @cached_property
    def squared_return(self) -> Series:
        """The log return, squared."""
        return self.log_return**2

    @cached_property
    def gap_days(self) -> Series:
        """Calendar days since the previous bar; NaN on a ticker's first."""
        return (self.times - self.previous_times) / np.timedelta64(1, "s") / 86_400

    @cached_property
    def overnight(self) -> Series:
        """Log return from the previous adjusted close to this open; NaN on a ticker's first bar."""
        adjusted_open = self.columns["open"] * self.columns["adj_close"] / self.columns["close"]
        return np.log(adjusted_open / self.previous_close)

    @cached_property
    def range_variance(self) -> Series:
        """Parkinson's range variance plus the squared overnight return."""
        # The open is divided by itself over the gap, which puts both on today's price basis.
        open_ = self.columns["open"]
        previous = open_ / np.exp(self.overnight)
        return range_variance(open_, self.columns["high"], self.columns["low"], previous)

    @property
    def volume(self) -> Series:
        """Shares traded."""
        return self.columns["volume"]


class TickerBars(Bars):
    """All bars of one ticker, gaps closed up."""

    @cached_property
    def volatility(self) -> Series:
        """EWMA volatility known at the close of each bar."""
        return ewma_volatility(self.log_return, self.decay)

    @cached_property
    def known_before(self) -> Series:
        """EWMA volatility known one bar earlier."""
        return _one_later(self.volatility)

    def trailing_mean(self, quantity: Quantity, length: int) -> Series:
        """Mean over the last `length` bars, this one included; NaN until there are that many."""
        return trailing_mean(getattr(self, quantity), length)

    def mean_before(self, quantity: Quantity, length: int) -> Series:
        """Mean over the `length` bars before this one; NaN until there are that many."""
        return _one_later(self.trailing_mean(quantity, length))


def ticker_bars(panel: Panel, ticker: int, decay: float) -> tuple[np.ndarray, TickerBars]:
    """Rows of the panel on which a ticker has a bar, and those bars."""
    rows = np.flatnonzero(panel.mask[:, ticker])
    times = panel.times[rows]
    columns = {name: panel.column(name)[rows, ticker] for name in USED_COLUMNS}
    previous_times = np.concatenate([[np.datetime64("NaT")], times])[:-1]
    previous_close = _one_later(columns["adj_close"])
    return rows, TickerBars(times, previous_times, columns, previous_close, decay)


def _one_later(values: Series) -> Series:
    return np.concatenate([[np.nan], values])[:-1]
