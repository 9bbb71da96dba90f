"""One contiguous table of features and log prices, in memory or mapped from disk.

Every complete bar of every ticker is one row, ticker after ticker, time ascending inside a ticker,
so that a window of bars is an offset. Returns over any horizons follow from the log prices when
they are asked for, of the rows that are asked for; no target is kept.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

from forecasting.market.features import compute_features
from forecasting.market.panel import Panel


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Rows of features, and the bars that they and their targets lie on.

    Attributes:
        features: Known at the close of the row's bar, dimensionless.
        volatility: EWMA volatility of one bar, decimal, known at the same close.
        bar: Index of the row's bar among all bars; it ascends.
        offsets: Rows of ticker k are offsets[k]:offsets[k + 1].
        log_price: Log of the adjusted close of each bar of each ticker, ticker after ticker. Bars
            whose features are not complete have one too.
        time: Index in the panel's times of each bar; it ascends inside a ticker.
        bar_offsets: Bars of ticker k are bar_offsets[k]:bar_offsets[k + 1].
        n_times: Length of the panel's time axis.
    """

    features: Float32[np.ndarray, "row feature"]
    volatility: Float[np.ndarray, " row"]
    bar: Int[np.ndarray, " row"]
    offsets: Int[np.ndarray, " ticker_end"]
    log_price: Float[np.ndarray, " bar"]
    time: Int[np.ndarray, " bar"]
    bar_offsets: Int[np.ndarray, " ticker_end"]
    n_times: int

    @property
    def n_tickers(self) -> int:
        """Number of tickers."""
        return len(self.offsets) - 1

    def rows(self, ticker: int) -> slice:
        """The rows of one ticker."""
        return slice(int(self.offsets[ticker]), int(self.offsets[ticker + 1]))

    def ticker(self, rows: Int[np.ndarray, "*rows"]) -> Int[np.ndarray, "*rows"]:
        """Index of the ticker of some rows."""
        return np.searchsorted(self.offsets, rows, side="right") - 1

    def origin(self, rows: Int[np.ndarray, "*rows"]) -> Int[np.ndarray, "*rows"]:
        """Index in the panel's times of the bar of some rows."""
        return self.time[self.bar[rows]]

    def stop(self, ticker: int, until: int) -> int:
        """The row after a ticker's last one whose bar is at or before a time.

        Args:
            ticker: Its index.
            until: Index in the panel's times.
        """
        first, last = self.bar_offsets[ticker], self.bar_offsets[ticker + 1]
        bar = first + np.searchsorted(self.time[first:last], until, side="right")
        rows = self.rows(ticker)
        return rows.start + int(np.searchsorted(self.bar[rows], bar))

    def targets(
        self,
        rows: Int[np.ndarray, "*rows"],
        ticker: Int[np.ndarray, "*#rows"],
        horizons: tuple[int, ...],
    ) -> Float[np.ndarray, "*rows horizon"]:
        """`scaled_targets` of some rows, to the last bit.

        Args:
            rows: Which ones.
            ticker: Their tickers.
            horizons: Bars ahead.

        Returns:
            Log return over h bars / (volatility * sqrt(h)); NaN where the ticker ends before.
        """
        bar, stop = self.bar[rows], self.bar_offsets[ticker + 1]
        out = np.empty((*rows.shape, len(horizons)))
        for j, h in enumerate(horizons):
            ahead = bar + h
            change = self.log_price[np.minimum(ahead, stop - 1)] - self.log_price[bar]
            change[ahead >= stop] = np.nan
            out[..., j] = change / (self.volatility[rows] * np.sqrt(h))
        return out

    def in_one_run(
        self,
        starts: Int[np.ndarray, " window"],
        ticker: Int[np.ndarray, " window"],
        length: int,
        reach: int,
    ) -> bool:
        """Whether windows are `length` rows of one ticker each, on bars without a hole.

        And `reach` more bars, of whatever ticker, stand behind each.
        """
        last = starts + length - 1
        if (last >= self.offsets[ticker + 1]).any():
            return False
        first = self.bar[starts]
        unbroken = (self.bar[last] - first == length - 1).all()
        return bool(unbroken and first.max(initial=0) + length + reach <= len(self.time))

    def run_targets(
        self,
        starts: Int[np.ndarray, " window"],
        ticker: Int[np.ndarray, " window"],
        length: int,
        horizons: tuple[int, ...],
    ) -> Float[np.ndarray, "window bar horizon"]:
        """`targets` of windows that are `in_one_run`, several times faster."""
        first, reach = self.bar[starts], max(horizons)
        price = runs(self.log_price, length + reach)[first]
        own = (self.bar_offsets[ticker + 1] - first)[:, None]
        price[np.arange(length + reach) >= own] = np.nan
        volatility = runs(self.volatility, length)[starts]
        out = np.empty((*volatility.shape, len(horizons)))
        for j, h in enumerate(horizons):
            change = price[:, h : h + length] - price[:, :length]
            out[..., j] = change / (volatility * np.sqrt(h))
        return out

    def label_end(self, horizon: int) -> Int[np.ndarray, " row"]:
        """Index in the panel's times of the bar h ahead of each row; `n_times` if it has none."""
        end = np.full(len(self.bar), self.n_times, dtype=np.int64)
        for k in range(self.n_tickers):
            rows = self.rows(k)
            ahead = self.bar[rows] + horizon
            known = int(np.searchsorted(ahead, self.bar_offsets[k + 1]))
            end[rows][:known] = self.time[ahead[:known]]
        return end


def compute_table(panel: Panel, variant: str, decay: float) -> FeatureTable:
    """The table of a panel, in memory.

    Args:
        panel: Prices.
        variant: Feature variant, not `auto`.
        decay: Weight of the past in the EWMA volatility.
    """
    grid, volatility = compute_features(panel, variant, decay)
    complete = np.isfinite(grid).all(axis=2)
    offsets, bar_offsets = _ends(complete), _ends(panel.mask)
    features = np.empty((int(offsets[-1]), grid.shape[2]), np.float32)
    volatilities, bar = np.empty(len(features)), np.empty(len(features), np.int32)
    log_price, time = np.empty(int(bar_offsets[-1])), np.empty(int(bar_offsets[-1]), np.int32)
    for k in range(len(panel.tickers)):
        there = np.flatnonzero(panel.mask[:, k])
        bars = slice(int(bar_offsets[k]), int(bar_offsets[k + 1]))
        log_price[bars], time[bars] = np.log(panel.column("adj_close")[there, k]), there
        rows, own = slice(int(offsets[k]), int(offsets[k + 1])), complete[:, k]
        features[rows], volatilities[rows] = grid[own, k], volatility[own, k]
        bar[rows] = bars.start + np.flatnonzero(own[there])
    return FeatureTable(
        features, volatilities, bar, offsets, log_price, time, bar_offsets, len(panel.times)
    )


def runs(values: np.ndarray, length: int) -> np.ndarray:
    """All runs of `length` entries along the first axis, by their first entry: a view.

    Picking runs out of it copies each as one piece.
    """
    shape = (len(values) - length + 1, length, *values.shape[1:])
    strides = (values.strides[0], *values.strides)
    return np.lib.stride_tricks.as_strided(values, shape, strides, writeable=False)


def _ends(there: np.ndarray) -> Int[np.ndarray, " ticker_end"]:
    """Where each ticker's entries begin and end, ticker after ticker."""
    return np.concatenate([[0], np.cumsum(there.sum(axis=0))])
