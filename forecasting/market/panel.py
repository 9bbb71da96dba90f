"""The panel: prices of many tickers as aligned arrays that never hide what is missing.

Axes: `time` (bar times, ascending, unique), `ticker`, `column`. A value that a source does not have
is NaN and stays NaN; `Panel.mask` says where a ticker has a bar at all. Nothing is filled.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from forecasting.errors import DataError
from forecasting.market.intervals import bars_per_year
from forecasting.market.membership import Membership
from forecasting.market.price_request import PriceRequest
from forecasting.market.symbols import require_tickers

QUOTED_COLUMNS = ("open", "high", "low", "close", "volume", "adj_close", "dividend", "split")
"""What a source of prices may quote."""
COLUMNS = (*QUOTED_COLUMNS, "realized_variance", "realized_range")
"""All columns of a panel; the last two are computed from intraday bars by `resample`."""
PRICE_COLUMNS = ("open", "high", "low", "close", "adj_close")


@dataclass(frozen=True, eq=False)
class Panel:
    """Prices of several tickers on one time axis.

    Attributes:
        times: Bar times in the exchange's time zone (no zone attached), ascending and unique.
            A bar is known at its own close: an intraday bar is stamped with its end, a daily bar
            with its day, a weekly bar with its last day.
        tickers: One name a column of the `ticker` axis.
        values: Prices as the source quotes them (raw, or split-adjusted as Yahoo's), share volume,
            adjusted close, cash dividend, split ratio and the two realised variances of
            `forecasting.market.resampling`, in the order of `COLUMNS`; NaN where the source has
            none. `adj_close / close` is the adjustment of the other three prices.
        interval: Bar length as the source names it, `1d` for daily bars.
        source: Where the prices come from, in words.
        request: What to ask for to get these bars again, perhaps among others; None for prices that
            were made in memory. It is no part of what `vintage` says.
        member: On which bars a ticker belongs to the universe, known at the bar's day and no
            earlier; None without a membership table: then every bar counts. Bars of no member
            are public prices all the same: a ticker's own features may look back on them.
        membership: The table that `member` comes from, if it is known.
    """

    times: np.ndarray
    tickers: tuple[str, ...]
    values: Float[np.ndarray, "time ticker column"]
    interval: str = "1d"
    source: str = "memory"
    request: PriceRequest | None = None
    member: Bool[np.ndarray, "time ticker"] | None = None
    membership: Membership | None = None

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.tickers))
        if self.values.shape != (*shape, len(COLUMNS)):
            raise ValueError(
                f"values have shape {self.values.shape}, expected {(*shape, len(COLUMNS))}"
            )
        self.values.flags.writeable = False
        if self.member is not None:
            if self.member.shape != shape:
                raise ValueError(f"member has shape {self.member.shape}, expected {shape}")
            self.member.flags.writeable = False

    @classmethod
    def from_frames(
        cls, frames: Mapping[str, pd.DataFrame], *, interval: str = "1d", source: str = "memory"
    ) -> "Panel":
        """Align one frame a ticker on the union of their times.

        Args:
            frames: Ticker to a frame indexed by bar time with columns out of `COLUMNS`; only
                `adj_close` is compulsory.
            interval: Bar length.
            source: Where the frames come from.

        Raises:
            DataError: A frame is empty, its times are unsorted or repeated, a price is zero,
                negative or not finite, or the adjusted close never changes.
        """
        if not frames:
            raise DataError("no tickers came: expected at least one. Name one the source has.")
        for ticker, frame in frames.items():
            check_frame(ticker, frame)
        times = np.unique(np.concatenate([as_times(frame.index) for frame in frames.values()]))
        values = np.full((len(times), len(frames), len(COLUMNS)), np.nan)
        for k, frame in enumerate(frames.values()):
            rows = np.searchsorted(times, as_times(frame.index))
            for name in frame.columns:
                values[rows, k, COLUMNS.index(name)] = frame[name].to_numpy(dtype=float)
        return cls(times, tuple(frames), values, interval, source)

    def column(self, name: str) -> Float[np.ndarray, "time ticker"]:
        """One column of all tickers, NaN where absent. A view, not a copy."""
        return self.values[:, :, COLUMNS.index(name)]

    def has(self, *names: str) -> bool:
        """Whether every ticker has all the named columns on at least one of its bars."""
        return all(bool(np.isfinite(self.column(name)).any(axis=0).all()) for name in names)

    @cached_property
    def mask(self) -> Bool[np.ndarray, "time ticker"]:
        """Where a ticker has a bar (an adjusted close)."""
        return np.isfinite(self.column("adj_close"))

    @cached_property
    def vintage(self) -> str:
        """SHA-256 over tickers, times and values: which prices a result was computed on.

        The computed columns enter only where there are any, and members only with a membership
        table, so that quoted prices keep their hash.
        """
        digest = hashlib.sha256("\x00".join((self.interval, *self.tickers)).encode())
        digest.update(self.times.astype("datetime64[ns]").tobytes())
        quoted, computed = np.split(self.values, [len(QUOTED_COLUMNS)], axis=2)
        for values in (quoted, computed) if np.isfinite(computed).any() else (quoted,):
            # One NaN and one zero only, so that equal content always gives an equal hash; in
            # blocks, for a copy of all prices would be large.
            for block in np.array_split(values, max(1, len(values) // 256)):
                digest.update(np.where(np.isnan(block), np.nan, block + 0.0).tobytes())
        if self.member is not None:
            digest.update(self.member.tobytes())
        return digest.hexdigest()

    @property
    def bars_per_year(self) -> float:
        """Bars a year, measured over the time axis; annualises volatilities and Sharpe."""
        return bars_per_year(self.times, self.interval)

    def select(self, tickers: Sequence[str]) -> "Panel":
        """The panel of some tickers; bars on which none of them trades are left out.

        Raises:
            DataError: A ticker is not in the panel.
        """
        require_tickers(tickers, self.tickers, self.source)
        columns = [self.tickers.index(ticker) for ticker in tickers]
        chosen = self.at(self.mask[:, columns].any(axis=1))
        return replace(
            chosen,
            tickers=tuple(tickers),
            values=chosen.values[:, columns],
            member=None if chosen.member is None else chosen.member[:, columns],
        )

    def at(self, rows: Any) -> "Panel":
        """The bars at some places of the time axis, by any index that NumPy takes."""
        return replace(
            self,
            times=self.times[rows],
            values=self.values[rows],
            member=None if self.member is None else self.member[rows],
        )

    def between(
        self, start: np.datetime64 | str | None = None, end: np.datetime64 | str | None = None
    ) -> "Panel":
        """The bars from `start` to the end of the day `end`, both included.

        Raises:
            DataError: No bar lies in that span.
        """
        first = 0 if start is None else start_of(self.times, start)
        last = len(self.times) if end is None else end_of(self.times, end)
        if first >= last:
            raise DataError(
                f"no bars from {start or 'the first'} to {end or 'the last'}: {self.source} has "
                f"{day(self.times[0])} to {day(self.times[-1])}. Choose dates inside."
            )
        return self.at(slice(first, last))


def as_times(index: pd.Index) -> np.ndarray:
    """Times of a frame's index as `datetime64[ns]`, zone dropped (local clock time kept)."""
    stamps = pd.DatetimeIndex(index)
    return stamps.tz_localize(None).to_numpy().astype("datetime64[ns]")


def start_of(times: np.ndarray, start: np.datetime64 | str) -> int:
    """Index of the first bar at or after `start`."""
    return int(np.searchsorted(times, pd.Timestamp(start).to_datetime64()))


def end_of(times: np.ndarray, end: np.datetime64 | str) -> int:
    """Index after the last bar of the day (or the instant) `end`."""
    stamp = pd.Timestamp(end)
    if stamp == stamp.normalize():
        stamp = stamp + pd.Timedelta(days=1) - pd.Timedelta(1, "ns")
    return int(np.searchsorted(times, stamp.to_datetime64(), side="right"))


def day(time: np.datetime64) -> str:
    """A time as YYYY-MM-DD, for messages."""
    return str(pd.Timestamp(time).date())


def check_frame(ticker: str, frame: pd.DataFrame) -> None:
    """Refuse one ticker's bars unless they are what `Panel.from_frames` expects.

    Raises:
        DataError: Says which bar, what was there, what was expected and what to do.
    """
    if frame.empty:
        raise DataError(f"{ticker} has no bars: expected at least one. Check the source's dates.")
    if unknown := set(frame.columns) - set(COLUMNS):
        raise DataError(f"{ticker} has unknown columns {sorted(unknown)}: expected {COLUMNS}.")
    if "adj_close" not in frame:
        raise DataError(f"{ticker} has no adj_close column: expected an adjusted close.")
    times = as_times(frame.index)
    order = np.diff(times) / np.timedelta64(1, "ns")
    if len(order) and order.min() <= 0:
        at = int(np.argmin(order > 0))
        what = "repeated" if order[at] == 0 else "out of order"
        raise DataError(
            f"{ticker}: the bar of {day(times[at + 1])} is {what} (row {at + 2}): expected "
            "ascending, unique times. Sort the rows and drop the repeats."
        )
    for name in PRICE_COLUMNS:
        if name in frame:
            _check_prices(ticker, name, frame[name].to_numpy(dtype=float), times)
    _check_movement(ticker, frame["adj_close"].to_numpy(dtype=float))


def _check_prices(ticker: str, name: str, prices: np.ndarray, times: np.ndarray) -> None:
    bad = np.isinf(prices) | (prices <= 0)
    if bad.any():
        at = int(np.argmax(bad))
        raise DataError(
            f"{ticker}: {name} of {day(times[at])} is {prices[at]:g} ({int(bad.sum())} such bars): "
            "expected positive prices. Correct or drop these rows."
        )
    if name == "adj_close" and np.isnan(prices).any():
        at = int(np.argmax(np.isnan(prices)))
        raise DataError(
            f"{ticker}: {name} of {day(times[at])} is missing ({int(np.isnan(prices).sum())} such "
            "bars): expected a price on every bar. Drop these rows; a missing row stays masked."
        )


def _check_movement(ticker: str, prices: np.ndarray) -> None:
    if len(prices) > 1 and np.ptp(prices) == 0:
        raise DataError(
            f"{ticker}: adj_close is {prices[0]:g} on all {len(prices)} bars: expected prices that "
            "move, a constant series has no volatility to forecast. Drop the ticker."
        )
