"""Training windows as slices of one table, drawn as a pure function of (seed, step).

Because the windows of a step depend on nothing but the seed and the step's number, a resumed run
sees exactly the windows that an uninterrupted one would have seen.

A network that looks across tickers gets windows of different tickers that end on one date.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from forecasting.market.sequences import Sequences


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
    """Windows of equal length over the rows of a `Sequences`.

    Attributes:
        sequences: The table.
        usable: Rows whose targets may be learnt from; elsewhere the target is masked.
        length: Bars in a window; shorter histories are padded on the right with masked rows.
    """

    sequences: Sequences
    usable: Bool[np.ndarray, " row"]
    length: int

    def slices(self, ticker: int) -> range:
        """First rows of all windows of one ticker that end at or before its last usable row."""
        first, stop = self.sequences.rows(ticker).start, self._usable_stop(ticker)
        return range(first, max(first, stop - self.length) + 1) if stop > first else range(0)

    def across(self, start: int) -> tuple[Int[np.ndarray, " window"], int]:
        """The windows of all tickers over the dates of one window of `slices`.

        Args:
            start: First row of that window.

        Returns:
            First rows, at most one a ticker: of its last `length` bars up to the window's last one.
            A ticker that has no bar on these dates has none. And the index of that last bar.
        """
        table = self.sequences
        end = min(start + self.length, self._usable_stop(int(table.ticker[start]))) - 1
        since, until = int(table.origin[start]), int(table.origin[end])
        starts = []
        for k in range(len(table.panel.tickers)):
            rows = table.rows(k)
            stop = rows.start + int(np.searchsorted(table.origin[rows], until, side="right"))
            if stop > rows.start and table.origin[stop - 1] >= since:
                starts.append(max(rows.start, stop - self.length))
        return np.array(starts, dtype=np.int64), until

    def batch(self, starts: Int[np.ndarray, " window"], until: int | None = None) -> Batch:
        """The windows that begin at some rows.

        Args:
            starts: First rows.
            until: Index of the last bar that is shown; later ones become padding.
        """
        table = self.sequences
        if until is None:
            until = len(table.panel.times) - 1
        shape = (len(starts), self.length, len(table.horizons))
        features = np.zeros((*shape[:2], table.features.shape[1]), np.float32)
        targets = np.full(shape, np.nan, np.float32)
        tasks = {task: np.full(shape, np.nan, np.float32) for task in table.tasks}
        bar = np.full(shape[:2], -1)
        for i, start in enumerate(starts):
            stop = min(start + self.length, int(table.offsets[table.ticker[start] + 1]))
            stop = start + int(np.searchsorted(table.origin[start:stop], until, side="right"))
            rows = slice(start, stop)
            features[i, : stop - start] = table.features[rows]
            bar[i, : stop - start] = table.origin[rows]
            usable = self.usable[rows, None]
            targets[i, : stop - start] = np.where(usable, table.targets[rows], np.nan)
            for task, values in table.tasks.items():
                tasks[task][i, : stop - start] = np.where(usable, values[rows], np.nan)
        return Batch(
            torch.from_numpy(features),
            torch.from_numpy(targets),
            torch.from_numpy(bar),
            {task: torch.from_numpy(values) for task, values in tasks.items()},
        )

    def _usable_stop(self, ticker: int) -> int:
        """The row after a ticker's last usable one; its first row if it has none."""
        rows = self.sequences.rows(ticker)
        usable = np.flatnonzero(self.usable[rows])
        return rows.start + (int(usable[-1]) + 1 if len(usable) else 0)


class WindowLoader:
    """The batches of one epoch: `steps` random draws of windows.

    Tickers are drawn in proportion to their number of windows, so that each bar is about equally
    likely, and a window's start is uniform.

    With `across` one window is drawn in this way, and the batch is that of all tickers over its
    dates; of more than `batch_size` as many, at random. No ticker is in it twice.
    """

    def __init__(
        self,
        windows: Windows,
        *,
        batch_size: int,
        first_step: int,
        steps: int,
        seed: int,
        across: bool = False,
    ) -> None:
        self.windows = windows
        self.batch_size = batch_size
        self.step_numbers = range(first_step, first_step + steps)
        self.seed = seed
        self.across = across
        ranges = [windows.slices(k) for k in range(len(windows.sequences.panel.tickers))]
        self._starts = np.concatenate([np.asarray(r, dtype=np.int64) for r in ranges])

    def __len__(self) -> int:
        return len(self.step_numbers)

    def __iter__(self) -> Iterator[Batch]:
        for step in self.step_numbers:
            draw = np.random.default_rng([self.seed, step])
            if self.across:
                starts, until = self.windows.across(int(draw.choice(self._starts)))
                yield self.windows.batch(draw.permutation(starts)[: self.batch_size], until)
            else:
                yield self.windows.batch(draw.choice(self._starts, self.batch_size))


def evaluation_starts(windows: Windows, context_length: int) -> Int[np.ndarray, " window"]:
    """One start a ticker: its first usable row, preceded by up to `context_length` rows of context.

    The length of `windows` must cover context and usable rows; see `evaluation_length`.
    """
    starts = []
    for k in range(len(windows.sequences.panel.tickers)):
        rows = windows.sequences.rows(k)
        usable = np.flatnonzero(windows.usable[rows])
        if len(usable):
            starts.append(max(rows.start, rows.start + int(usable[0]) - context_length))
    return np.array(starts, dtype=np.int64)


def evaluation_length(sequences: Sequences, usable: np.ndarray, context_length: int) -> int:
    """Window length that holds every ticker's usable rows and their context."""
    spans = []
    for k in range(len(sequences.panel.tickers)):
        inside = np.flatnonzero(usable[sequences.rows(k)])
        if len(inside):
            spans.append(int(inside[-1] - inside[0]) + 1)
    return max(spans) + context_length
