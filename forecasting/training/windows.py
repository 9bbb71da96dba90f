"""Training windows as offsets into one table; targets are computed with each batch.

A network that looks across tickers gets windows of different tickers that end on one date.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from forecasting.market.sequences import Sequences
from forecasting.market.tables.feature_table import FeatureTable, runs


class Batch(NamedTuple):
    """Windows that go through the network at once."""

    features: Tensor
    """(window, bar, feature), 0 where padded."""
    targets: Tensor
    """Scaled targets (window, bar, horizon), NaN where masked."""
    bar: Tensor
    """Index of each bar in `panel.times`, (window, bar), -1 where padded."""
    tasks: dict[str, Tensor]
    """As `targets`, of what is learnt beside the return."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of equal length over the rows of a table; without prices, and so cheap to send.

    Attributes:
        table: Features and log prices.
        horizons: Bars ahead of the targets.
        usable: Rows whose targets may be learnt from; elsewhere the target is masked.
        length: Bars in a window; shorter histories are padded on the right with masked rows.
        stride: Rows from a window to the next. A ticker's windows are laid out from its last usable
            row back, so that at most its oldest `stride - 1` rows are in none.
        tasks: Targets of what is learnt beside the return.
    """

    table: FeatureTable
    horizons: tuple[int, ...]
    usable: Bool[np.ndarray, " row"]
    length: int
    stride: int = 1
    tasks: dict[str, Float[np.ndarray, "row horizon"]] = field(default_factory=dict)

    @classmethod
    def over(
        cls,
        sequences: Sequences,
        usable: Bool[np.ndarray, " row"],
        length: int,
        stride: int = 1,
    ) -> "Windows":
        """The windows over the rows of a panel's sequences."""
        return cls(sequences.table, sequences.horizons, usable, length, stride, sequences.tasks)

    def slices(self, ticker: int) -> range:
        """First rows of all windows of one ticker that end at or before its last usable row."""
        first, stop = self.table.rows(ticker).start, self._usable_stop[ticker]
        if stop <= first:
            return range(0)
        last = max(first, stop - self.length)
        return range(first + (last - first) % self.stride, last + 1, self.stride)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def starts(self, numbers: Int[np.ndarray, " window"]) -> Int[np.ndarray, " window"]:
        """First rows of windows by their number, ticker after ticker, from 0 to their count."""
        ticker = np.searchsorted(self._ends, numbers, side="right")
        return self._last_starts[ticker] - (self._ends[ticker] - 1 - numbers) * self.stride

    def across(self, start: int) -> tuple[Int[np.ndarray, " window"], int]:
        """The windows of all tickers over the dates of one window of `slices`.

        Args:
            start: First row of that window.

        Returns:
            First rows, at most one a ticker: of its last `length` bars up to the window's last one.
            A ticker that has no bar on these dates has none. And the index of that last bar.
        """
        table = self.table
        [ticker] = table.ticker(np.array([start]))
        last = min(start + self.length, self._usable_stop[ticker]) - 1
        since, until = (int(time) for time in table.origin(np.array([start, last])))
        starts = []
        for k in range(table.n_tickers):
            first, stop = table.rows(k).start, table.stop(k, until)
            if stop > max(first, table.stop(k, since - 1)):
                starts.append(max(first, stop - self.length))
        return np.array(starts, dtype=np.int64), until

    def batch(self, starts: Int[np.ndarray, " window"], until: int | None = None) -> Batch:
        """The windows that begin at some rows.

        Args:
            starts: First rows.
            until: Index of the last bar that is shown; later ones become padding.
        """
        features, bar, usable, targets = self._gather(starts)
        table = self.table
        shown = np.arange(self.length) < (table.offsets[table.ticker(starts) + 1] - starts)[:, None]
        if until is not None:
            shown &= bar <= until
        features[~shown] = 0.0
        masked_out = ~(shown & usable)

        def masked(values: np.ndarray) -> Tensor:
            values = values.astype(np.float32)
            values[masked_out] = np.nan
            return torch.from_numpy(values)

        rows = np.minimum(starts[:, None] + np.arange(self.length), len(self.usable) - 1)
        return Batch(
            torch.from_numpy(features),
            masked(targets),
            torch.from_numpy(np.where(shown, bar, -1).astype(np.int64)),
            {task: masked(values[rows]) for task, values in self.tasks.items()},
        )

    def _gather(
        self, starts: Int[np.ndarray, " window"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Features, bars, which rows are usable, and targets; anything behind a ticker's end."""
        table, length = self.table, self.length
        ticker = table.ticker(starts)
        if table.in_one_run(starts, ticker, length, max(self.horizons)):
            return (
                runs(table.features, length)[starts],
                runs(table.time, length)[table.bar[starts]],
                runs(self.usable, length)[starts],
                table.run_targets(starts, ticker, length, self.horizons),
            )
        last = (table.offsets[ticker + 1] - 1)[:, None]
        rows = np.minimum(starts[:, None] + np.arange(length), last)
        targets = table.targets(rows, ticker[:, None], self.horizons)
        return table.features[rows], table.origin(rows), self.usable[rows], targets

    @cached_property
    def _usable_stop(self) -> list[int]:
        """The row after each ticker's last usable one; its first row if it has none."""
        stops = []
        for k in range(self.table.n_tickers):
            rows = self.table.rows(k)
            backwards = self.usable[rows][::-1]
            stops.append(rows.stop - int(backwards.argmax()) if backwards.any() else rows.start)
        return stops

    @cached_property
    def _ends(self) -> Int[np.ndarray, " ticker"]:
        """Number of windows of each ticker and all before it."""
        return np.cumsum([len(self.slices(k)) for k in range(self.table.n_tickers)])

    @cached_property
    def _last_starts(self) -> Int[np.ndarray, " ticker"]:
        """First row of each ticker's last window; 0 where it has none."""
        ranges = [self.slices(k) for k in range(self.table.n_tickers)]
        return np.array([each[-1] if each else 0 for each in ranges], dtype=np.int64)


def evaluation_starts(windows: Windows, context_length: int) -> Int[np.ndarray, " window"]:
    """One start a ticker: its first usable row, preceded by up to `context_length` rows of context.

    The length of `windows` must cover context and usable rows; see `evaluation_length`.
    """
    starts = []
    for k in range(windows.table.n_tickers):
        rows = windows.table.rows(k)
        usable = np.flatnonzero(windows.usable[rows])
        if len(usable):
            starts.append(max(rows.start, rows.start + int(usable[0]) - context_length))
    return np.array(starts, dtype=np.int64)


def evaluation_length(table: FeatureTable, usable: np.ndarray, context_length: int) -> int:
    """Window length that holds every ticker's usable rows and their context."""
    spans = []
    for k in range(table.n_tickers):
        inside = np.flatnonzero(usable[table.rows(k)])
        if len(inside):
            spans.append(int(inside[-1] - inside[0]) + 1)
    return max(spans) + context_length
