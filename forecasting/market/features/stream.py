"""Features of further bars without their history; a whole history is a first piece of them.

A feature looks back over its ticker's last bars and over the EWMA variance, so both are all that is
kept: a bounded memory a ticker, at a cost a bar that does not depend on the bars before. Bars come
in pieces of any length; features, means and ranks of the cross-section are of the tickers that come
together, so that all tickers of a bar have to come in one piece. Where the panel has a universe,
they are of its members at the bar, and only bars of members have features; those before count in
what is remembered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from forecasting.market.features.cross_section import mean_over_tickers
from forecasting.market.features.feature_set import FeatureSet, feature_set
from forecasting.market.features.history import History
from forecasting.market.features.pieces import BLOCK_CELLS, blocks, require_bars_after
from forecasting.market.membership import of_members
from forecasting.market.panel import Panel


@dataclass(eq=False)
class FeatureStream:
    """What the features of the next bar need to know of all bars before.

    Without `start` it begins before the first bar of every ticker. A ticker that has no bar keeps
    what is known of it: its own bars close ranks.

    Attributes:
        variant: Text of the features, see `forecasting.market.features.feature_set`; not `auto`.
        decay: Weight of the past in the EWMA volatility.
        time: The newest time that has come; NaT before the first.
        tickers: Tickers that have come, in the order of the arrays' first axis.
        last_times: Each ticker's newest bar; NaT before its first.
        last_close: Its adjusted close there.
        variance: Its EWMA variance there; NaN during warm-up.
        tail: The kept quantities of its last bars, newest at the end, NaN before its first.
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
        self.tail = np.empty((0, len(self.features.kept), self.features.lags))

    @property
    def features(self) -> FeatureSet:
        """What is computed."""
        return feature_set(self.variant)

    @classmethod
    def start(cls, panel: Panel, variant: str, decay: float) -> "FeatureStream":
        """The stream after all bars of a panel, in one pass.

        Raises:
            DataError: As `advance`.
        """
        stream = cls(variant, decay)
        require_bars_after(stream.time, panel)
        for _ in stream._take(panel):
            pass
        return stream

    def advance(
        self, panel: Panel
    ) -> tuple[Float[np.ndarray, "time ticker feature"], Float[np.ndarray, "time ticker"]]:
        """Features and volatility of further bars: the rows of `compute_features` over all bars.

        Args:
            panel: Further bars of any of the tickers that have come, and of new ones; all tickers
                of a bar. Adjusted closes stand on the basis of the bars before.

        Raises:
            DataError: A bar is not newer than all that have come, a price is not positive, or a
                ticker came twice. Nothing has been taken in then.
        """
        require_bars_after(self.time, panel)
        return self._advance(panel)

    def _advance(
        self, panel: Panel
    ) -> tuple[Float[np.ndarray, "time ticker feature"], Float[np.ndarray, "time ticker"]]:
        features = self.features
        n_own, n_named = len(features.own), len(features.names)
        grid = np.empty((*panel.mask.shape, n_named))
        hidden = np.empty((*panel.mask.shape, len(features.computed) - n_own))
        volatility = np.empty(panel.mask.shape)
        for cells_of in (grid, hidden, volatility):  # all other cells are in a block
            cells_of[~panel.mask] = np.nan
        for rows, tickers, bars in self._take(panel):
            cells = np.ix_(rows, tickers)
            volatility[cells] = bars.volatility.T
            values = _computed(features, bars)
            grid[:, :, :n_own][cells] = values[..., :n_own]
            hidden[cells] = values[..., n_own:]
        for j, feature in enumerate(features.cross_sectional, n_own):
            at = features.computed.index(feature.of)
            base = grid[..., at] if at < n_own else hidden[..., at - n_own]
            grid[..., j] = feature.compute(of_members(base, panel.member))
        return of_members(grid, panel.member), volatility

    def _take(
        self, panel: Panel
    ) -> Iterator[tuple[Int[np.ndarray, " bar"], Int[np.ndarray, " chosen"], History]]:
        """Take in further bars, block by block: which rows and tickers of the panel, and the bars.

        A block is of tickers that trade at the same bars.
        """
        self._admit(panel.tickers)
        all_slots = self.slots(panel.tickers)
        for first in range(0, len(panel.times), BLOCK_CELLS):
            piece = panel.at(slice(first, first + BLOCK_CELLS))
            market = None
            if "market" in self.features.kept:
                market = self._market_return(piece, all_slots)
            for rows, tickers in blocks(piece.mask, self.features.lags):
                slots = all_slots[tickers]
                bars = self._history(piece, rows, tickers, slots, market)
                yield first + rows, tickers, bars
                self.last_times[slots] = bars.times[-1]
                self.last_close[slots] = bars.column("adj_close")[:, -1]
                self.variance[slots] = bars.variance[:, -1]
                self.tail[slots] = bars.tail
            self.time = piece.times[-1]

    def _history(
        self,
        panel: Panel,
        rows: Int[np.ndarray, " bar"],
        tickers: Int[np.ndarray, " chosen"],
        slots: Int[np.ndarray, " chosen"],
        market: Float[np.ndarray, " time"] | None,
    ) -> History:
        """The bars of tickers that trade at the same times, and what their slots remember."""
        return History(
            times=panel.times[rows],
            columns=np.ascontiguousarray(panel.values[np.ix_(rows, tickers)].T),
            previous_time=self.last_times[slots],
            previous_close=self.last_close[slots],
            market_return=None if market is None else market[rows],
            decay=self.decay,
            variance_before=self.variance[slots],
            kept=self.features.kept,
            tail_before=self.tail[slots],
        )

    def _market_return(
        self, panel: Panel, slots: Int[np.ndarray, " ticker"]
    ) -> Float[np.ndarray, " time"]:
        """Mean log return of the members at each bar; NaN where none has one."""
        returns = np.full(panel.mask.shape, np.nan)
        for rows, tickers in blocks(panel.mask, self.features.lags):
            bars = self._history(panel, rows, tickers, slots[tickers], None)
            returns[np.ix_(rows, tickers)] = bars.log_return.T
        return mean_over_tickers(of_members(returns, panel.member))

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


def compute_features(
    panel: Panel, variant: str, decay: float
) -> tuple[Float[np.ndarray, "time ticker feature"], Float[np.ndarray, "time ticker"]]:
    """All features and the EWMA volatility on the panel's grid.

    Args:
        panel: Prices.
        variant: Text of the features, not `auto`.
        decay: Weight of the past in the EWMA volatility.

    Returns:
        Features in the order of `feature_names`, NaN where a ticker has no bar, too short a history
        or is no member; and the decimal one-bar volatility known at the same bar.
    """
    return FeatureStream(variant, decay)._advance(panel)


def _computed(features: FeatureSet, bars: History) -> Float[np.ndarray, "bar ticker feature"]:
    """Features of some tickers' own bars."""
    # What cannot be known of a bar is NaN: no range, nothing traded, a bar out of order.
    with np.errstate(divide="ignore", invalid="ignore"):
        values = [each.compute(bars).T for each in features.computed]
    return np.stack(values, axis=-1)
