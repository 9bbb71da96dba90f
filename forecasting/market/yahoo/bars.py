"""What Yahoo's bars mean, and how they become ours.

Open, high, low, close and volume are adjusted for all splits up to the day of the fetch, not for
dividends; `adj_close` of daily bars is adjusted for both; `dividend` is cash a share in
split-adjusted money on the ex-date; `split` is the ratio on the ex-date, 1 on every other bar.

Yahoo stamps intraday bars with their start, ours carry their end on the exchange's clock (a shorter
last bar ends with the session). They have no `adj_close` of their own: it is the close, so that a
dividend stays in the overnight return; dividend and split stand on the first bar of the ex-date.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecasting.errors import DataError
from forecasting.market.intervals import is_intraday, minutes
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
# How long after its end Yahoo may still correct a bar; delayed exchanges lag by up to 20 minutes.
_SETTLING = pd.Timedelta(minutes=30)


@dataclass(frozen=True, eq=False)
class YahooBars:
    """Bars of one symbol.

    Attributes:
        frame: Bars as `Panel.from_frames` takes them, indexed by trading day, or by the end of the
            bar on the exchange's clock.
        null_bars: Bars left out because Yahoo has no close for them.
        unfinished: Bars left out at the end because they are not over and settled.
        repeated: Bars that came twice, of which the first was kept.
        note: What of the wanted days Yahoo does not have; empty where it has them all.
    """

    frame: pd.DataFrame
    null_bars: int = 0
    unfinished: int = 0
    repeated: int = 0
    note: str = ""


def clean(
    symbol: str,
    frame: pd.DataFrame,
    *,
    interval: str,
    session_ends: Mapping[pd.Timestamp, pd.Timestamp],
    now: pd.Timestamp,
) -> YahooBars:
    """Turn yfinance's frame into ours: nothing filled, nothing half-done.

    A bar without close is left out and counted. A zero open, high or low is Yahoo's blank (common
    before 1980) and becomes NaN. A bar ends with its length or with its session, whichever comes
    first, and is left out until half an hour later.

    Args:
        symbol: For messages.
        frame: What `Ticker.history(auto_adjust=False, actions=True, keepna=True)` gives, indexed by
            the bar's start (midnight of the trading day for daily bars) in the exchange's zone.
        interval: `1d`, or an intraday length such as `5m`.
        session_ends: Day to the end of its session, with a zone, as far as they are known.
        now: The present, with a zone.

    Raises:
        DataError: Two bars have the same time on the exchange's clock.
    """
    starts = pd.DatetimeIndex(frame.index)
    ends = _ends(starts, interval, session_ends)
    finished = np.asarray(ends + _SETTLING <= now)
    bars = frame.reindex(columns=list(_COLUMNS)).rename(columns=_COLUMNS).astype(float)
    prices = ["open", "high", "low", "close", "adj_close"]
    bars[prices] = bars[prices].mask(bars[prices] == 0)
    bars["split"] = bars["split"].mask(bars["split"] == 0, 1.0)
    times = as_times(ends if is_intraday(interval) else starts)
    bars.index = pd.DatetimeIndex(times)
    _refuse_folds(symbol, times)
    known = bars[["close", "adj_close"]].notna().all(axis=1).to_numpy()
    return YahooBars(
        bars.loc[finished & known], int(np.sum(finished & ~known)), int(np.sum(~finished))
    )


def _ends(
    starts: pd.DatetimeIndex, interval: str, session_ends: Mapping[pd.Timestamp, pd.Timestamp]
) -> pd.DatetimeIndex:
    whole = starts + (
        pd.Timedelta(minutes=minutes(interval)) if is_intraday(interval) else pd.DateOffset(days=1)
    )
    session = pd.Series(session_ends, dtype=whole.dtype)
    of_bar = pd.DatetimeIndex(session.reindex(starts.tz_localize(None).normalize()))
    return whole.where(of_bar.isna() | (whole <= of_bar), of_bar)


def _refuse_folds(symbol: str, times: np.ndarray) -> None:
    """Refuse local times that happen twice, as where clocks are set back while a market trades.

    Sessions in daytime never meet that hour; a market that trades on Sunday night may.
    """
    folds = np.flatnonzero(np.diff(times) <= np.timedelta64(0, "ns"))
    if len(folds):
        at = pd.Timestamp(times[folds[0] + 1])
        after = at.normalize() + pd.Timedelta(days=1)
        raise DataError(
            f"{symbol} has two bars at {at:%Y-%m-%d %H:%M} on its exchange's clock, which was set "
            f"back that day: local times cannot tell them apart. Start on {after:%Y-%m-%d}, or "
            "fetch daily bars."
        )
