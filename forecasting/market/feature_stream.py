"""Features of further bars without their history: the rows of `compute_features`, bar by bar.

A feature looks back over its ticker's last bars and over the EWMA variance, so both are all that is
kept: a bounded memory a ticker, at a cost a bar that does not depend on the bars before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from forecasting.errors import DataError
from forecasting.market.bars import USED_COLUMNS, Bars, Quantity, Series, ticker_bars
from forecasting.market.features import (
    feature_names,
    fill_market_features,
    look_back,
    own_features,
)
from forecasting.market.panel import COLUMNS, PRICE_COLUMNS, Panel
from forecasting.market.volatility import advance_variance, ewma_variance, known_volatility

KEPT: tuple[Quantity, ...] = ("log_return", "range_variance", "volume")
"""Quantities whose last values are kept, in the order of `FeatureStream.tail`."""


@dataclass(frozen=True, eq=False)
class NewBars(Bars):
    """The newest bar of many tickers.

    Attributes:
        variance_before: EWMA variance at the bar before; NaN during warm-up.
        tail_before: `FeatureStream.tail` at the bar before.
    """

    variance_before: Series
    tail_before: Float[np.ndarray, "bar quantity lag"]

    @cached_property
    def tail(self) -> Float[np.ndarray, "bar quantity lag"]:
        """The tail with this bar at its end and without its oldest."""
        newest = np.stack([getattr(self, name) for name in KEPT], axis=1)
        return np.concatenate([self.tail_before[:, :, 1:], newest[:, :, None]], axis=2)

    @cached_property
    def variance(self) -> Series:
        """EWMA variance known at the close of each bar."""
        squares = self._recent["squared_return"]
        return advance_variance(self.variance_before, squares, self.decay)

    @cached_property
    def volatility(self) -> Series:
        """EWMA volatility known at the close of each bar."""
        return known_volatility(self.variance)

    @cached_property
    def known_before(self) -> Series:
        """EWMA volatility known one bar earlier."""
        return known_volatility(self.variance_before)

    @cached_property
    def _recent(self) -> dict[Quantity, Float[np.ndarray, "bar lag"]]:
        kept = {name: self.tail[:, i] for i, name in enumerate(KEPT)}
        return {**kept, "squared_return": kept["log_return"] ** 2}

    def trailing_mean(self, quantity: Quantity, length: int) -> Series:
        """Mean over the last `length` bars, this one included; NaN until there are that many."""
        return self._recent[quantity][:, -length:].mean(axis=1)

    def mean_before(self, quantity: Quantity, length: int) -> Series:
        """Mean over the `length` bars before this one; NaN until there are that many."""
        return self._recent[quantity][:, -length - 1 : -1].mean(axis=1)


@dataclass(eq=False)
class FeatureStream:
    """What the features of the next bar need to know of all bars before.

    Without `start` it begins before the first bar of every ticker. A ticker that has no bar keeps
    what is known of it: its own bars close ranks, as in `compute_features`.

    Attributes:
        variant: Feature variant, see `forecasting.market.features`; resolved, not `auto`.
        decay: Weight of the past in the EWMA volatility.
        time: The newest time that has come; NaT before the first.
        tickers: Tickers that have come, in the order of the arrays' first axis.
        last_times: Each ticker's newest bar; NaT before its first.
        last_close: Its adjusted close there.
        variance: Its EWMA variance there; NaN during warm-up.
        tail: The `KEPT` quantities of its last bars, newest at the end, NaN before its first.
    """

    variant: str
    decay: float
    time: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "ns"))
    tickers: tuple[str, ...] = ()
    last_times: np.ndarray = field(default_factory=lambda: np.empty(0, "datetime64[ns]"))
    last_close: Float[np.ndarray, " ticker"] = field(default_factory=lambda: np.empty(0))
    variance: Float[np.ndarray, " ticker"] = field(default_factory=lambda: np.empty(0))
    tail: Float[np.ndarray, "ticker quantity lag"] = field(init=False)

    def __post_init__(self) -> None:
        self.tail = np.empty((0, len(KEPT), look_back(self.variant)))

    @classmethod
    def start(cls, panel: Panel, variant: str, decay: float) -> "FeatureStream":
        """The stream after all bars of a panel, in one pass.

        Raises:
            DataError: As `advance`.
        """
        stream = cls(variant, decay)
        require_bars_after(stream.time, panel)
        stream._admit(panel.tickers)
        for k in range(len(panel.tickers)):
            _, bars = ticker_bars(panel, k, decay)
            if len(bars.times):
                stream.last_times[k] = bars.times[-1]
                stream.last_close[k] = bars.columns["adj_close"][-1]
                stream.variance[k] = ewma_variance(bars.log_return, decay)[-1]
                recent = [getattr(bars, name)[-stream.tail.shape[2] :] for name in KEPT]
                stream.tail[k, :, -len(recent[0]) :] = recent
        stream.time = panel.times[-1] if len(panel.times) else stream.time
        return stream

    def advance(
        self, panel: Panel
    ) -> tuple[Float[np.ndarray, "time ticker feature"], Float[np.ndarray, "time ticker"]]:
        """Features and volatility of further bars: the rows of `compute_features` over all bars.

        Args:
            panel: Further bars of any of the tickers that have come, and of new ones. Adjusted
                closes stand on the basis of the bars before.

        Raises:
            DataError: A bar is not newer than all that have come, a price is not positive, or a
                ticker came twice. Nothing has been taken in then.
        """
        require_bars_after(self.time, panel)
        self._admit(panel.tickers)
        slots = self.slots(panel.tickers)
        own = own_features(self.variant)
        grid = np.full((*panel.mask.shape, len(feature_names(self.variant))), np.nan)
        volatility = np.full(panel.mask.shape, np.nan)
        for t, time in enumerate(panel.times):
            present = np.flatnonzero(panel.mask[t])
            bars = self._take(time, panel.values[t, present], slots[present])
            volatility[t, present] = bars.volatility
            for j, feature in enumerate(own):
                grid[t, present, j] = feature.compute(bars)
        fill_market_features(grid, self.variant)
        return grid, volatility

    def _take(
        self,
        time: np.datetime64,
        values: Float[np.ndarray, "bar column"],
        slots: Int[np.ndarray, " bar"],
    ) -> NewBars:
        """Take in one bar of the tickers at `slots`."""
        bars = NewBars(
            times=np.full(len(slots), time),
            previous_times=self.last_times[slots],
            columns={name: values[:, COLUMNS.index(name)] for name in USED_COLUMNS},
            previous_close=self.last_close[slots],
            decay=self.decay,
            variance_before=self.variance[slots],
            tail_before=self.tail[slots],
        )
        self.time = time
        self.last_times[slots] = time
        self.last_close[slots] = bars.columns["adj_close"]
        self.variance[slots] = bars.variance
        self.tail[slots] = bars.tail
        return bars

    def slots(self, tickers: Sequence[str]) -> Int[np.ndarray, " ticker"]:
        """Where tickers that have come stand in the arrays."""
        slot = {ticker: i for i, ticker in enumerate(self.tickers)}
        return np.array([slot[ticker] for ticker in tickers], dtype=int)

    def _admit(self, tickers: Sequence[str]) -> None:
        """Put tickers that have not come yet at the end of the arrays, without a past."""
        known = set(self.tickers)
        new = tuple(ticker for ticker in tickers if ticker not in known)
        if not new:
            return
        self.tickers += new
        blank = np.full((len(new), *self.tail.shape[1:]), np.nan)
        self.tail = np.concatenate([self.tail, blank])
        self.variance = np.concatenate([self.variance, blank[:, 0, 0]])
        self.last_close = np.concatenate([self.last_close, blank[:, 0, 0]])
        never = np.full(len(new), np.datetime64("NaT", "ns"))
        self.last_times = np.concatenate([self.last_times, never])


def require_bars_after(time: np.datetime64, panel: Panel) -> None:
    """Refuse a panel whose bars are not newer than `time` and in order, or have no true prices.

    Args:
        time: Newest time that has come; NaT where none has.
        panel: Further bars.

    Raises:
        DataError: Says which bar, what was expected and what to do.
    """
    if len(set(panel.tickers)) != len(panel.tickers):
        raise DataError(f"a ticker came twice in {', '.join(panel.tickers)}: name each one once.")
    before = np.concatenate([[time], panel.times])[:-1]
    if (late := panel.times <= before).any():
        at = int(np.argmax(late))
        raise DataError(
            f"{panel.source}: a bar of {panel.times[at]} came after one of {before[at]}: expected "
            "bars newer than all before, in order of time. Leave out what has come already, or "
            "start again from the whole history."
        )
    prices = panel.values[:, :, [COLUMNS.index(name) for name in PRICE_COLUMNS]]
    if (bad := np.isinf(prices) | (prices <= 0)).any():
        t, k, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{panel.tickers[k]}: {PRICE_COLUMNS[column]} of {panel.times[t]} is "
            f"{prices[t, k, column]:g}: expected positive prices. Correct it, or leave the bar out."
        )
