"""One ticker's bars as two arrays, the form in which the store keeps and compares them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, QUOTED_COLUMNS, Panel, as_times, check_frame


@dataclass(frozen=True, eq=False)
class History:
    """Bars of one ticker and interval.

    Attributes:
        times: Bar times as `Panel.times`, ascending and unique.
        values: `QUOTED_COLUMNS` of each bar, NaN where the source has none.
    """

    times: np.ndarray
    values: Float[np.ndarray, "bar column"]

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def from_frame(cls, ticker: str, frame: pd.DataFrame) -> "History":
        """Bars as `Panel.from_frames` takes them, in whatever order they came.

        Raises:
            DataError: There are none, or a column is none of the store's.
        """
        if frame.empty:
            raise DataError(f"{ticker} has no bars: expected at least one. Check the dates.")
        if unknown := sorted(set(frame.columns) - set(QUOTED_COLUMNS)):
            raise DataError(f"{ticker} has columns {unknown}: expected some of {QUOTED_COLUMNS}.")
        values = np.full((len(frame), len(QUOTED_COLUMNS)), np.nan)
        for name in frame.columns:
            values[:, QUOTED_COLUMNS.index(name)] = frame[name].to_numpy(dtype=float)
        return cls(as_times(frame.index), values)

    def to_frame(self) -> pd.DataFrame:
        """The bars indexed by time; columns without any value are left out."""
        return self._whole_frame().dropna(axis="columns", how="all")

    def column(self, name: str) -> Float[np.ndarray, " bar"]:
        """One column. A view, not a copy."""
        return self.values[:, QUOTED_COLUMNS.index(name)]

    def part(self, first: int = 0, after: int | None = None) -> "History":
        """The bars from index `first` up to, not including, `after`."""
        return History(self.times[first:after], self.values[first:after])

    def followed_by(self, later: "History") -> "History":
        """These bars and then those; whether they fit, `check` says."""
        return History(
            np.concatenate([self.times, later.times]), np.concatenate([self.values, later.values])
        )

    def check(self, ticker: str) -> "History":
        """The history itself.

        Raises:
            DataError: It is not what `check_frame` lets pass.
        """
        check_frame(ticker, self._whole_frame())
        return self

    def vintage(self, ticker: str, interval: str) -> str:
        """`Panel.vintage` of these bars alone."""
        return as_panel({ticker: self}, interval, "memory").vintage

    def _whole_frame(self) -> pd.DataFrame:
        index = pd.DatetimeIndex(self.times, name="time")
        return pd.DataFrame(self.values, index, list(QUOTED_COLUMNS))


def as_panel(histories: Mapping[str, History], interval: str, source: str) -> Panel:
    """Checked histories as a panel on the union of their times.

    Args:
        histories: Ticker to history, at least one.
        interval: Bar length of all of them.
        source: Where they come from, in words.
    """
    # Most tickers share their times: only different axes need to be sorted.
    axes = list({each.times.tobytes(): each.times for each in histories.values()}.values())
    times = axes[0] if len(axes) == 1 else np.unique(np.concatenate(axes))
    values = np.full((len(times), len(histories), len(COLUMNS)), np.nan)
    for k, history in enumerate(histories.values()):
        whole = len(history) == len(times)
        rows = slice(None) if whole else np.searchsorted(times, history.times)
        values[rows, k, : len(QUOTED_COLUMNS)] = history.values
    return Panel(times, tuple(histories), values, interval, source)
