"""What a feature is computed from: each bar beside the bar before it.

Arrays end in the axis of the bars, oldest first; an axis of tickers may stand before it. Everything
here is known at the close of its bar, and is a function of that bar and of the one before alone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from forecasting.market.panel import COLUMNS
from forecasting.market.volatility import (
    garman_klass,
    parkinson,
    range_variance,
    rogers_satchell,
)

Series = Float[np.ndarray, "*ticker bar"]
Last = Float[np.ndarray, "*ticker"]


@dataclass(frozen=True, eq=False)
class Bars:
    """Consecutive bars of one ticker, or of several that trade at the same times.

    Attributes:
        times: When the bars are known.
        columns: `COLUMNS` of the bars, NaN where the source has none.
        previous_time: When the bar before the first one was known; NaT where there is none.
        previous_close: Adjusted close of that bar; NaN where there is none.
        market_return: Mean log return of the tickers that trade at each bar; None where no feature
            asks for it.
    """

    times: np.ndarray
    columns: Float[np.ndarray, "column *ticker bar"]
    previous_time: np.ndarray
    previous_close: Last
    market_return: Float[np.ndarray, " bar"] | None

    def column(self, name: str) -> Series:
        """One of `COLUMNS`. A view, not a copy."""
        return self.columns[COLUMNS.index(name)]

    @cached_property
    def log_return(self) -> Series:
        """Decimal log return of the adjusted close; NaN on a ticker's first bar."""
        return np.log(self.column("adj_close")) - np.log(self._close_before)

    @cached_property
    def gap_days(self) -> Series:
        """Calendar days since the previous bar; NaN on a ticker's first."""
        later = np.broadcast_to(self.times[:-1], (*self.previous_time.shape, len(self.times) - 1))
        before = np.concatenate([self.previous_time[..., None], later], axis=-1)
        return (self.times - before) / np.timedelta64(1, "s") / 86_400

    @cached_property
    def overnight(self) -> Series:
        """Log return from the previous adjusted close to this open; NaN on a ticker's first bar."""
        adjusted_open = self.column("open") * self.column("adj_close") / self.column("close")
        return np.log(adjusted_open / self._close_before)

    @cached_property
    def intraday(self) -> Series:
        """Log return from open to close."""
        return np.log(self.column("close") / self.column("open"))

    @cached_property
    def range_variance(self) -> Series:
        """Parkinson's range variance plus the squared overnight return."""
        # The open is divided by itself over the gap, which puts both on today's price basis.
        open_ = self.column("open")
        previous = open_ / np.exp(self.overnight)
        return range_variance(open_, self.column("high"), self.column("low"), previous)

    @cached_property
    def parkinson(self) -> Series:
        """Parkinson's variance of the session."""
        return parkinson(self.column("high"), self.column("low"))

    @cached_property
    def garman_klass(self) -> Series:
        """Garman and Klass' variance of the session."""
        return garman_klass(*self._session)

    @cached_property
    def rogers_satchell(self) -> Series:
        """Rogers and Satchell's variance of the session."""
        return rogers_satchell(*self._session)

    @property
    def realized_variance(self) -> Series:
        """Sum of the session's squared intraday log returns."""
        return self.column("realized_variance")

    @property
    def realized_range(self) -> Series:
        """Sum of the Parkinson variances of the session's intraday bars."""
        return self.column("realized_range")

    @property
    def volume(self) -> Series:
        """Shares traded."""
        return self.column("volume")

    @cached_property
    def dollar_volume(self) -> Series:
        """Close times shares traded: the same before and after a split, on either basis."""
        return self.column("close") * self.column("volume")

    @cached_property
    def market(self) -> Series:
        """Mean log return of the tickers that trade at the bar."""
        assert self.market_return is not None
        return np.broadcast_to(self.market_return, self.columns.shape[1:])

    @cached_property
    def _close_before(self) -> Series:
        adj_close = self.column("adj_close")
        return np.concatenate([self.previous_close[..., None], adj_close[..., :-1]], axis=-1)

    @property
    def _session(self) -> tuple[Series, Series, Series, Series]:
        return (
            self.column("open"),
            self.column("high"),
            self.column("low"),
            self.column("close"),
        )
