"""Which windows make a batch: a pure function of the seed and the step's number.

A resumed run therefore sees exactly the windows that an uninterrupted one would have seen, in the
middle of an epoch too; and ranks and worker processes share the work without talking to each other:
each computes all windows of a step and takes its own.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Int

from forecasting.training.windows import Batch, Windows

Sampling = Literal["random", "epoch"]


class WindowLoader:
    """The batches of some steps.

    `random` draws the windows of each step anew: tickers in proportion to their number of windows,
    so that each bar is about equally likely, and a window's start uniformly. `epoch` shows every
    window once before it shows one again, in an order drawn for each epoch; batches of one epoch
    differ by at most one window in size.

    With `across` one window is drawn in this way, and the batch is that of all tickers over its
    dates; of more than `batch_size` as many, at random. No ticker is in it twice.

    A step has the same windows whatever the number of ranks; each rank takes every so many-th of
    them. Worker processes prepare batches as those of any data set:
    `torch.utils.data.DataLoader(loader, batch_size=None, num_workers=2)`.
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
        sampling: Sampling = "random",
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Say which steps.

        Args:
            windows: The windows.
            batch_size: Windows of a step, of all ranks together.
            first_step: Its number; where to go on after an interruption.
            steps: How many.
            seed: Of the draws.
            across: Whether a batch is one span of dates; not with `epoch`.
            sampling: Which windows a step has.
            rank: Which part of each step, from 0.
            world_size: Number of parts.
        """
        if across and sampling == "epoch":
            raise ValueError("sampling epoch: expected random where a batch is one span of dates")
        self.windows = windows
        self.batch_size = batch_size
        self.step_numbers = range(first_step, first_step + steps)
        self.seed = seed
        self.across = across
        self.sampling = sampling
        self.rank = rank
        self.world_size = world_size
        self._order: tuple[int, Int[np.ndarray, " window"]] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.step_numbers)

    def __getitem__(self, index: int) -> Batch:
        """This rank's windows of the index-th step."""
        starts, until = self.starts(self.step_numbers[index])
        return self.windows.batch(starts[self.rank :: self.world_size], until)

    def __iter__(self) -> Iterator[Batch]:
        return (self[index] for index in range(len(self)))

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which `epoch` shows every window once."""
        return -(-len(self.windows) // self.batch_size)

    def starts(self, step: int) -> tuple[Int[np.ndarray, " window"], int | None]:
        """First rows of the windows of one step, and its last bar if all end there."""
        windows = self.windows
        if self.sampling == "epoch":
            steps = self.steps_per_epoch
            epoch, at = divmod(step, steps)
            first, stop = (len(windows) * k // steps for k in (at, at + 1))
            return windows.starts(self._epoch_order(epoch)[first:stop]), None
        draw = np.random.default_rng([self.seed, step])
        if self.across:
            [first] = windows.starts(np.array([draw.choice(len(windows))]))
            starts, until = windows.across(int(first))
            return draw.permutation(starts)[: self.batch_size], until
        return windows.starts(draw.choice(len(windows), self.batch_size)), None

    def _epoch_order(self, epoch: int) -> Int[np.ndarray, " window"]:
        """The numbers of all windows, shuffled by seed and epoch."""
        if self._order[0] != epoch:
            count = len(self.windows)
            order = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
            np.random.default_rng([self.seed, epoch]).shuffle(order)
            self._order = (epoch, order)
        return self._order[1]
