"""Training windows as slices of one table, drawn as a pure function of (seed, step).

Because the windows of a step depend on nothing but the seed and the step's number, a resumed run
sees exactly the windows that an uninterrupted one would have seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from forecasting.market.sequences import Sequences


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
        rows = self.sequences.rows(ticker)
        usable = np.flatnonzero(self.usable[rows])
        if not len(usable):
            return range(0)
        last = rows.start + int(usable[-1]) + 1
        return range(rows.start, max(rows.start, last - self.length) + 1)

    def batch(self, starts: Int[np.ndarray, " window"]) -> tuple[Tensor, Tensor]:
        """Features (window, bar, feature) and targets (window, bar, horizon), NaN where masked."""
        table = self.sequences
        features = np.zeros((len(starts), self.length, table.features.shape[1]), np.float32)
        targets = np.full((len(starts), self.length, len(table.horizons)), np.nan, np.float32)
        for i, start in enumerate(starts):
            stop = min(start + self.length, int(table.offsets[table.ticker[start] + 1]))
            rows = slice(start, stop)
            features[i, : stop - start] = table.features[rows]
            targets[i, : stop - start] = np.where(
                self.usable[rows, None], table.targets[rows], np.nan
            )
        return torch.from_numpy(features), torch.from_numpy(targets)


class WindowLoader:
    """The batches of one epoch: `steps` random draws of windows.

    Tickers are drawn in proportion to their number of windows, so that each bar is about equally
    likely, and a window's start is uniform.
    """

    def __init__(
        self, windows: Windows, *, batch_size: int, first_step: int, steps: int, seed: int
    ) -> None:
        self.windows = windows
        self.batch_size = batch_size
        self.step_numbers = range(first_step, first_step + steps)
        self.seed = seed
        ranges = [windows.slices(k) for k in range(len(windows.sequences.panel.tickers))]
        self._starts = np.concatenate([np.asarray(r, dtype=np.int64) for r in ranges])

    def __len__(self) -> int:
        return len(self.step_numbers)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for step in self.step_numbers:
            draw = np.random.default_rng([self.seed, step])
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
