"""Any number of minute bars in constant memory, chunk after chunk."""

from collections.abc import Iterator

import numpy as np

from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.simulation.bars import Values, bar_times
from forecasting.market.simulation.minutes import SESSION_MINUTES
from forecasting.market.simulation.settings import MAX_DAYS, MarketSettings
from forecasting.market.simulation.simulate import DrawnMarket, draw_market

_INTERVAL = "1m"


def stream_minutes(
    n_bars: int, chunk: int, seed: int = 0, *, kind: str = "volatility", n_tickers: int = 1
) -> Iterator[Panel]:
    """Minute bars of a market as panels, one after the other.

    Together they are the first `n_bars` bars of `simulate(kind, n_tickers, days, seed,
    interval="1m")` with just enough days, whatever the chunk. Memory: one chunk, one block of some
    thousand ticker-days, and a few numbers a day.

    Args:
        n_bars: Minutes, each with a bar of every ticker.
        chunk: Bars in a panel; the last one may have fewer.
        seed: Of the market.
        kind: Which market.
        n_tickers: Tickers.

    Raises:
        DataError: At once; a number out of range, or more minutes than 60,000 days have.
    """
    if not 1 <= n_bars <= MAX_DAYS * SESSION_MINUTES or chunk < 1:
        raise DataError(
            f"a stream of {n_bars} minutes in chunks of {chunk}: expected 1 to "
            f"{MAX_DAYS * SESSION_MINUTES} minutes in chunks of at least 1. Take more tickers."
        )
    n_days = max(2, -(-n_bars // SESSION_MINUTES))
    settings = MarketSettings(kind, n_tickers, n_days, seed)
    return _chunks(draw_market(settings), n_bars, chunk)


def _chunks(market: DrawnMarket, n_bars: int, chunk: int) -> Iterator[Panel]:
    waiting: list[Values] = []
    start = 0
    for rows, block in market.blocks(_INTERVAL):
        waiting.append(block)
        drawn = min(rows.stop, n_bars)
        while drawn - start >= chunk or drawn == n_bars > start:
            stop = min(start + chunk, n_bars)
            values = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
            yield _panel(market, slice(start, stop), values[: stop - start].copy())
            waiting, start = [values[stop - start :]], stop


def _panel(market: DrawnMarket, rows: slice, values: Values) -> Panel:
    first_day = rows.start // SESSION_MINUTES
    days = market.days[first_day : (rows.stop - 1) // SESSION_MINUTES + 1]
    offset = first_day * SESSION_MINUTES
    times = bar_times(days, _INTERVAL)[rows.start - offset : rows.stop - offset]
    source = f"{market.settings.label}, stream"
    return Panel(times, market.settings.tickers, values, _INTERVAL, source)
