"""The bars that are looked at, and what the market did on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from forecasting.errors import DataError
from forecasting.market.panel import day, start_of
from forecasting.market.sequences import Sequences
from forecasting.market.symbols import require_tickers

REGIMES = ("calm", "middle", "turbulent")
LEAST_HISTORY = 252
"""Bars before which a market has no regime: its terciles would rest on too few."""


@dataclass(frozen=True, eq=False)
class Cells:
    """One cell for each (ticker, bar) that is looked at: ticker after ticker, time ascending.

    Attributes:
        times: Of all bars of the panel.
        tickers: Of the panel.
        ticker: Index of each cell's ticker.
        date: Index of each cell's bar in `times`.
        place: Index of each cell's bar among the bars of its ticker that the network reads.
        move: |log return| of the bar over the EWMA volatility of the bar before, so 1 is usual;
            NaN where that is not known.
        volatility: EWMA volatility of one bar, decimal, known at the bar's close.
        regime: Of each date of the panel: index in `REGIMES`, -1 where it has none; known at the
            close. See `market_regimes`.
    """

    times: np.ndarray
    tickers: tuple[str, ...]
    ticker: Int[np.ndarray, " cell"]
    date: Int[np.ndarray, " cell"]
    place: Int[np.ndarray, " cell"]
    move: Float[np.ndarray, " cell"]
    volatility: Float[np.ndarray, " cell"]
    regime: Int[np.ndarray, " time"]

    def of(self, ticker: int) -> slice:
        """The cells of one ticker."""
        first, last = np.searchsorted(self.ticker, [ticker, ticker + 1])
        return slice(int(first), int(last))


def make_cells(
    sequences: Sequences,
    tickers: Sequence[str] | None = None,
    start: np.datetime64 | str | None = None,
) -> Cells:
    """The cells of some tickers of a table from a day on.

    Args:
        sequences: Rows of features.
        tickers: Which ones; all if None.
        start: First day; the first complete bar if None.

    Raises:
        DataError: A ticker is not there, or no bar lies in that span.
    """
    panel = sequences.panel
    require_tickers(tickers or (), panel.tickers, panel.source)
    chosen = [panel.tickers.index(ticker) for ticker in tickers or panel.tickers]
    first = 0 if start is None else start_of(panel.times, start)
    rows = np.flatnonzero(np.isin(sequences.ticker, chosen) & (sequences.origin >= first))
    if not len(rows):
        raise DataError(
            f"no complete bar from {start or 'the first'} on: {panel.source} ends on "
            f"{day(panel.times[-1])}. Choose an earlier start."
        )
    ticker = sequences.ticker[rows]
    volatility = sequences.to_grid(sequences.volatility)
    return Cells(
        times=panel.times,
        tickers=panel.tickers,
        ticker=ticker,
        date=sequences.origin[rows],
        place=rows - sequences.offsets[ticker],
        move=_moves(sequences)[rows],
        volatility=sequences.volatility[rows],
        regime=market_regimes(volatility),
    )


def market_regimes(
    volatility: Float[np.ndarray, "time ticker"], least: int = LEAST_HISTORY
) -> Int[np.ndarray, " time"]:
    """The volatility regime of each date, by the terciles of all dates before it.

    Args:
        volatility: EWMA volatility, NaN where it is not known. A date's is the tickers' mean.
        least: Dates before which there is no regime.

    Returns:
        Index in `REGIMES`, -1 where there is none; known at the close of the date.
    """
    known = np.isfinite(volatility)
    count = known.sum(axis=1)
    total = np.where(known, volatility, 0).sum(axis=1)
    mean = pd.Series(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))
    earlier = mean.shift(1).expanding(least)
    low, high = (earlier.quantile(third / 3).to_numpy() for third in (1, 2))
    regime = (mean > low).astype(int) + (mean > high).astype(int)
    return np.where(mean.notna() & np.isfinite(low), regime, -1).astype(np.int64)


def _moves(sequences: Sequences) -> Float[np.ndarray, " row"]:
    """`Cells.move` of all rows: NaN on a ticker's first, and where the bar before is no row."""
    table = sequences.table
    moves = np.full(len(table.bar), np.nan)
    after = np.flatnonzero((np.diff(table.bar) == 1) & (np.diff(sequences.ticker) == 0)) + 1
    returns = table.log_price[table.bar[after]] - table.log_price[table.bar[after] - 1]
    moves[after] = np.abs(returns) / sequences.volatility[after - 1]
    return moves
