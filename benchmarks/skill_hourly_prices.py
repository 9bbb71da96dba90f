"""Hourly bars with splits and dividends applied, days made of them, and forecasts moved onto days.

Quotes and volumes are put on the newest split's basis; the adjusted close has dividends too. The
factors of a day are those of the first event on or after it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.skill_setting import FACTORS, HOURLY, bench_file
from forecasting.forecast.forecast import Forecast
from forecasting.market.intervals import bar_ends
from forecasting.market.panel import Panel
from forecasting.market.resampling import resample

TICKERS = ("AAPL", "AIG", "BAC", "IBM", "SPY")
"""VXX is left out, a future's roll with factors of its first series alone; SPY, an index fund, is
kept: it pays dividends, never splits, and is the market of the other four."""
SESSION = 7
"""Bars of a full session, 09:30 to 16:00."""

_QUOTES = ["open", "high", "low", "close"]


def hourly_prices() -> Panel:
    """Hourly bars of `TICKERS`, each stamped with its end."""
    raw = pd.read_parquet(bench_file(HOURLY))
    factors = pd.read_csv(bench_file(FACTORS), parse_dates=["date"])
    frames = {
        ticker: _adjusted(raw[raw["ticker"] == ticker], factors[factors["ticker"] == ticker])
        for ticker in TICKERS
    }
    return Panel.from_frames(frames, interval="1h", source=HOURLY)


def _adjusted(bars: pd.DataFrame, factors: pd.DataFrame) -> pd.DataFrame:
    """One ticker's bars on the basis of its newest split, with an adjusted close."""
    days = bars["time"].to_numpy().astype("datetime64[D]")
    row = np.searchsorted(factors["date"].to_numpy().astype("datetime64[D]"), days)
    split = factors["split_factor"].to_numpy()[row]
    frame = bars[_QUOTES].mul(split, axis=0)
    frame["volume"] = bars["volume"].to_numpy() / split
    frame["adj_close"] = frame["close"] * factors["price_factor"].to_numpy()[row]
    return frame.set_index(pd.DatetimeIndex(bar_ends(bars["time"].to_numpy(), "1h")))


def daily_prices(hourly: Panel) -> Panel:
    """Days made of the hourly bars, realised variance and range of the session included."""
    return resample(hourly, "1d")


def on_days(forecast: Forecast, hourly: Panel, daily: Panel) -> Forecast:
    """Forecasts over one session of hourly bars, as forecasts one day ahead.

    At each day the law that was made at the ticker's last bar of that day, known at the same close;
    none where the ticker's next session is not a full one, for then `SESSION` bars end elsewhere.

    Args:
        forecast: Of every hourly bar; its horizons include `SESSION`.
        hourly: The bars that were forecast.
        daily: The days made of them.

    Raises:
        ValueError: The forecast is not of these bars.
    """
    if not np.array_equal(forecast.times, hourly.times):
        raise ValueError(f"the forecast of {forecast.name} is not of these hourly bars")
    last, count = _last_bars(hourly, daily)
    j = forecast.horizons.index(SESSION)
    following = _next_counts(count)
    row, column = np.nonzero((last >= 0) & (following == SESSION))
    at = last[row, column]

    def to_days(values: np.ndarray) -> np.ndarray:
        grid = np.full((*last.shape, 1, *values.shape[3:]), np.nan)
        grid[row, column, 0] = values[at, column, j]
        return grid

    return replace(
        forecast,
        times=daily.times,
        tickers=daily.tickers,
        horizons=(1,),
        price=daily.column("adj_close"),
        law=forecast.law.map(to_days),
    )


def _last_bars(hourly: Panel, daily: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Index of each ticker's last bar of each day, -1 where there is none; how many it has."""
    # A bar stamped 24:00 is of the day that ends then.
    days = (hourly.times - np.timedelta64(1, "ns")).astype("datetime64[D]")
    row = np.searchsorted(daily.times, days.astype("datetime64[ns]"))
    last = np.full(daily.mask.shape, -1)
    count = np.zeros(daily.mask.shape, dtype=int)
    known = row < len(daily.times)
    for k in range(len(hourly.tickers)):
        bars = np.flatnonzero(hourly.mask[:, k] & known)
        last[row[bars], k] = bars  # ascending, so that a day's last one stays
        np.add.at(count[:, k], row[bars], 1)
    return last, count


def _next_counts(count: np.ndarray) -> np.ndarray:
    """Bars of each ticker's own next session; 0 where there is none."""
    following = np.zeros_like(count)
    for k in range(count.shape[1]):
        traded = np.flatnonzero(count[:, k])
        following[traded[:-1], k] = count[traded[1:], k]
    return following
