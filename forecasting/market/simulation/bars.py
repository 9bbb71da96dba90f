"""Bars read off the paths of a day: one a day, or many inside its session.

A session lasts from 09:30 to 16:00, 390 minutes; a bar is named after its end, when it is known.
The last of the seven bars of an hour lasts thirty minutes.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float, Int

from forecasting.market.panel import COLUMNS
from forecasting.market.simulation.minutes import SESSION_MINUTES, MinuteBars
from forecasting.market.simulation.paths import DayPaths

Values = Float[np.ndarray, "time ticker column"]

DAILY_INTERVAL = "1d"
INTERVAL_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}
"""Interval inside the session to its length in minutes."""
INTERVALS = (DAILY_INTERVAL, *INTERVAL_MINUTES)

_OPENS = np.timedelta64(9 * 60 + 30, "m")


def bars_a_day(interval: str) -> int:
    """Bars of one session: 1, 390, 78, 26, 13 or 7."""
    if interval == DAILY_INTERVAL:
        return 1
    return -(-SESSION_MINUTES // INTERVAL_MINUTES[interval])


def bar_times(days: np.ndarray, interval: str) -> np.ndarray:
    """Times of all bars of these days, `datetime64[ns]` on the exchange's clock."""
    days = days.astype("datetime64[ns]")
    if interval == DAILY_INTERVAL:
        return days
    length = INTERVAL_MINUTES[interval]
    ends = np.minimum(np.arange(length, SESSION_MINUTES + length, length), SESSION_MINUTES)
    return (days[:, None] + (_OPENS + ends * np.timedelta64(1, "m"))).ravel()


def bars_of_days(
    paths: Iterator[DayPaths],
    volume: Float[np.ndarray, "day ticker"],
    interval: str,
    seed: int,
) -> Iterator[tuple[slice, Values]]:
    """The bars of a market: which rows, and their values.

    Args:
        paths: Log prices of all days.
        volume: Shares traded on each day.
        interval: One of `INTERVALS`.
        seed: Of what happens within a step of a day.
    """
    minutes = MinuteBars(seed)
    per_day = bars_a_day(interval)
    for block in paths:
        rows = slice(block.days.start * per_day, block.days.stop * per_day)
        traded = volume[block.days]
        if interval == DAILY_INTERVAL:
            yield rows, _values(_daily(block, traded))
        else:
            columns = minutes.draw(block, traded)
            starts = np.arange(0, SESSION_MINUTES, INTERVAL_MINUTES[interval])
            yield rows, _values(aggregate(columns, starts))


def aggregate(
    columns: Mapping[str, Float[np.ndarray, "day ticker minute"]], starts: Int[np.ndarray, " bar"]
) -> dict[str, Float[np.ndarray, "row ticker"]]:
    """Longer bars out of minute bars: open first, high max, low min, close last, volume sum.

    Args:
        columns: `open`, `high`, `low`, `close` and `volume` of each minute of some days.
        starts: Minute of the day at which each longer bar begins.

    Returns:
        The same columns, one row a bar, day after day.
    """
    ends = np.append(starts[1:], columns["open"].shape[2]) - 1
    longer = {
        "open": columns["open"][:, :, starts],
        "high": np.maximum.reduceat(columns["high"], starts, axis=2),
        "low": np.minimum.reduceat(columns["low"], starts, axis=2),
        "close": columns["close"][:, :, ends],
        "volume": np.add.reduceat(columns["volume"], starts, axis=2),
    }
    n_tickers = columns["open"].shape[1]
    return {name: np.swapaxes(bar, 1, 2).reshape(-1, n_tickers) for name, bar in longer.items()}


def _daily(block: DayPaths, volume: Float[np.ndarray, "day ticker"]) -> dict[str, np.ndarray]:
    path = block.log_price
    return {
        "open": np.exp(path[:, :, 0]),
        "high": np.exp(path.max(axis=2)),
        "low": np.exp(path.min(axis=2)),
        "close": np.exp(path[:, :, -1]),
        "volume": volume,
    }


def _values(columns: Mapping[str, Float[np.ndarray, "row ticker"]]) -> Values:
    values = np.full((*columns["close"].shape, len(COLUMNS)), np.nan)
    whole = {**columns, "adj_close": columns["close"], "dividend": 0.0, "split": 1.0}
    for name, column in whole.items():
        values[:, :, COLUMNS.index(name)] = column
    return values
