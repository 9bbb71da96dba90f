"""What checks look at: each ticker's own bars, and how far its price usually moves."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.stats import norm

from forecasting.market.checks.days import gather_days
from forecasting.market.checks.finding import Finding, Severity
from forecasting.market.panel import COLUMNS, Panel

Series = Float[np.ndarray, " bar"]

SCALE_BARS = 63
"""Bars before a bar that its volatility is measured on: a quarter of daily bars."""
_SCALE_FROM = 20  # with fewer bars a quantile says nothing
_SCALE_QUANTILE = 0.75  # robust to a quarter of wild returns, and to half of them being zero
_MEDIAN_FROM = 5  # tickers; with fewer, the median return is no market


@dataclass(frozen=True, eq=False)
class History:
    """All bars of one ticker, gaps closed up.

    Attributes:
        ticker: Its name.
        rows: Rows of the panel that the bars stand in.
        times: Their times.
        values: Their columns in the order of `COLUMNS`.
    """

    ticker: str
    rows: np.ndarray
    times: np.ndarray
    values: Float[np.ndarray, "bar column"]

    def column(self, name: str) -> Series:
        """One column, NaN where the source has none."""
        return self.values[:, COLUMNS.index(name)]

    @cached_property
    def log_return(self) -> Series:
        """Decimal log return of the adjusted close; NaN on the first bar."""
        return np.log(self.column("adj_close")) - np.log(self.before("adj_close"))

    def before(self, name: str) -> Series:
        """A column one bar earlier; NaN on the first bar."""
        return np.r_[np.nan, self.column(name)[:-1]]

    @cached_property
    def overnight(self) -> Series:
        """Log return from the adjusted close before to this open; NaN where there is no open."""
        adjusted_open = self.column("open") * self.column("adj_close") / self.column("close")
        return np.log(adjusted_open) - np.log(self.before("adj_close"))

    @cached_property
    def scale(self) -> Series:
        """Robust volatility of one bar's log return, from the bars before it.

        The 75 % quantile of |log return| over `SCALE_BARS` bars, divided by that of a standard
        normal. The first bars have that of the first full stretch. NaN where the price hardly
        ever changed, which is no scale to measure a move by.
        """
        size = pd.Series(np.abs(self.log_return))
        trailing = size.rolling(SCALE_BARS, min_periods=_SCALE_FROM).quantile(_SCALE_QUANTILE)
        scale = trailing.shift(1).bfill() / norm.ppf((1 + _SCALE_QUANTILE) / 2)
        return np.where(scale > 0, scale, np.nan)

    @cached_property
    def unchanged(self) -> Bool[np.ndarray, " bar"]:
        """Whether the adjusted close is exactly that of the bar before."""
        return self.column("adj_close") == self.before("adj_close")

    def finding(
        self,
        check: str,
        severity: Severity,
        first: int,
        last: int,
        *,
        seen: str,
        expected: str,
        next_step: str,
        maskable: bool = False,
    ) -> Finding:
        """A finding about the bars from number `first` to `last` of this history."""
        span = self.times[first], self.times[last], int(last - first + 1)
        return Finding(check, severity, self.ticker, *span, seen, expected, next_step, maskable)


@dataclass(frozen=True, eq=False)
class Market:
    """A panel as checks look at it.

    Attributes:
        panel: The prices.
        calendar: Exchange whose sessions the bars should keep; None if it is not known.
    """

    panel: Panel
    calendar: str | None = None

    @cached_property
    def histories(self) -> tuple[History, ...]:
        """The bars of each ticker."""
        histories = []
        for k, ticker in enumerate(self.panel.tickers):
            rows = np.flatnonzero(self.panel.mask[:, k])
            if len(rows):
                values = self.panel.values[rows, k]
                histories.append(History(ticker, rows, self.panel.times[rows], values))
        return tuple(histories)

    @cached_property
    def daily(self) -> "Market":
        """The same market with one bar a day; itself if it is daily."""
        panel = gather_days(self.panel)
        return self if panel is self.panel else Market(panel, self.calendar)

    @cached_property
    def median_return(self) -> Float[np.ndarray, " time"]:
        """Median log return of the tickers at each bar; 0 where there are too few of them."""
        returns = np.full(self.panel.mask.shape, np.nan)
        for history in self.histories:
            returns[history.rows, self.panel.tickers.index(history.ticker)] = history.log_return
        enough = np.isfinite(returns).sum(axis=1) >= _MEDIAN_FROM
        median = np.zeros(len(returns))
        median[enough] = np.nanmedian(returns[enough], axis=1)
        return median


def runs(flags: Bool[np.ndarray, " bar"]) -> list[tuple[int, int]]:
    """First and last index of each unbroken stretch of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
