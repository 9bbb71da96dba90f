"""What Yahoo's daily bars mean, and how they become ours.

Open, high, low, close and volume are adjusted for all splits up to the day of the fetch, not for
dividends; `adj_close` is adjusted for both; `dividend` is cash a share in split-adjusted money on
the ex-date; `split` is the ratio on the ex-date, 1 on every other bar.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecasting.market.panel import as_times

_COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Adj Close": "adj_close",
    "Dividends": "dividend",
    "Stock Splits": "split",
}
# How long after the close Yahoo may still correct the bar.
_SETTLING = pd.Timedelta(minutes=30)


@dataclass(frozen=True, eq=False)
class YahooBars:
    """Daily bars of one symbol.

    Attributes:
        frame: Bars as `Panel.from_frames` takes them, indexed by trading day.
        null_bars: Bars left out because Yahoo has no close for them.
        unfinished: Whether today's bar was left out because its session is not over.
    """

    frame: pd.DataFrame
    null_bars: int
    unfinished: bool


def clean(frame: pd.DataFrame, session_end: pd.Timestamp | None, now: pd.Timestamp) -> YahooBars:
    """Turn yfinance's frame into ours: nothing filled, nothing half-done.

    A bar without close is left out and counted. A zero open, high or low is Yahoo's blank (common
    before 1980) and becomes NaN. The bar of today, in the exchange's zone, is left out until half
    an hour after its session ended.

    Args:
        frame: What `Ticker.history(auto_adjust=False, actions=True, keepna=True)` gives, indexed by
            midnight of the trading day in the exchange's zone.
        session_end: End of the running or last session; None where Yahoo does not say.
        now: The present, with a zone.
    """
    days = pd.DatetimeIndex(frame.index)
    open_still = session_end is None or now < session_end + _SETTLING
    unfinished = bool(len(days) and open_still and days[-1] >= now.tz_convert(days.tz).normalize())
    if unfinished:
        frame, days = frame.iloc[:-1], days[:-1]
    bars = frame.reindex(columns=list(_COLUMNS)).rename(columns=_COLUMNS).astype(float)
    prices = ["open", "high", "low", "close", "adj_close"]
    bars[prices] = bars[prices].mask(bars[prices] == 0)
    bars["split"] = bars["split"].mask(bars["split"] == 0, 1.0)
    bars.index = pd.DatetimeIndex(as_times(days))
    known = bars[["close", "adj_close"]].notna().all(axis=1)
    return YahooBars(bars.loc[known], int(np.sum(~known)), unfinished)
