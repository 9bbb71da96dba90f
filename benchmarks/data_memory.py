"""What is measured in a process of its own: memory of windows, of other ways, and of a training.

Memory is read from /proc/self: the peak is that of the resident set, counted from before the case;
anonymous memory is the process' own, file-backed pages are the mapped table's, which all processes
share and the system may drop.
"""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from forecasting.config import load_recipe
from forecasting.market.features import feature_names
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate, stream_minutes
from forecasting.market.tables.files import open_table
from forecasting.market.tables.writing import chunks_of, write_table
from forecasting.training.examples import prepare
from forecasting.training.fit import WindowData, starting_network
from forecasting.training.window_loader import WindowLoader
from forecasting.training.windows import Windows

HORIZONS = (1, 5, 21)
DECAY = 0.94
_SPANS = (1, 5, 22, 66)
_RANGES = ("parkinson", "garman_klass", "rogers_satchell")
THIRTY_TWO = "+".join(["ohlcv", *(f"log_{name}_{span}" for name in _RANGES for span in _SPANS)])
"""Twenty features and twelve more, none of which looks back further than 67 bars."""

_MINUTE_CHUNK = 16_384


@dataclass(frozen=True)
class Memory:
    """What a case took, in MiB.

    Attributes:
        peak: Resident at most, beside what was there before.
        anonymous: Own memory at most, as far as it was looked at.
        mapped: Pages of files at most, likewise.
        seconds: How long it took.
        count: Of what the case counts.
    """

    peak: float
    anonymous: float
    mapped: float
    seconds: float
    count: int


class Meter:
    """Reads the memory of this process from now on."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
        self._started = time.perf_counter()
        self._before = _status()
        self.anonymous = self.mapped = 0.0

    def look(self) -> None:
        """Keep what is most, of own memory and of mapped pages."""
        now = _status()
        self.anonymous = max(self.anonymous, now["RssAnon"] - self._before["RssAnon"])
        self.mapped = max(self.mapped, now["RssFile"] - self._before["RssFile"])

    def result(self, count: int) -> Memory:
        """What was seen."""
        self.look()
        peak = _status()["VmHWM"] - self._before["VmRSS"]
        seconds = time.perf_counter() - self._started
        return Memory(peak, self.anonymous, self.mapped, seconds, count)


def _status() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    entries = (line.split() for line in lines)
    return {each[0][:-1]: int(each[1]) / 1024 for each in entries if each[-1] == "kB"}


def write(folder: Path, tickers: int, bars: int) -> Memory:
    """Write the table of a simulated market; counts its features' bytes."""
    panel = simulate("volatility", tickers, bars)
    meter = Meter()
    chunks = chunks_of(panel, len(feature_names(THIRTY_TWO)))
    write_table(folder, chunks, THIRTY_TWO, DECAY)
    return meter.result(open_table(folder).features.nbytes)


def whole_epoch(folder: Path, context: int, batch_size: int, stride: int) -> Memory:
    """Iterate all windows of a table once, shuffled; counts them."""
    torch.set_num_threads(1)
    meter = Meter()
    loader = all_windows(folder, context, batch_size, stride)
    for step, _ in enumerate(loader):
        if step % 64 == 0:
            meter.look()
    return meter.result(len(loader.windows))


def all_windows(folder: Path, context: int, batch_size: int, stride: int) -> WindowLoader:
    """The loader of one epoch over all windows of a table."""
    table = open_table(folder)
    usable = np.broadcast_to(np.True_, (len(table.volatility),))
    windows = Windows(table, HORIZONS, usable, context, stride)
    steps = math.ceil(len(windows) / batch_size)
    return WindowLoader(
        windows, batch_size=batch_size, first_step=0, steps=steps, seed=0, sampling="epoch"
    )


def materialised(folder: Path, context: int, windows: int) -> Memory:
    """Copy so many windows of the features into one array."""
    table = open_table(folder)
    meter = Meter()
    starts = np.arange(windows)
    copied = table.features[starts[:, None] + np.arange(context)]
    return meter.result(len(copied))


def minutes(folder: Path, bars: int, context: int) -> tuple[Memory, float]:
    """Stream minute bars through features into a table, then its windows.

    Returns:
        The memory, counting bars; and how much own memory grew after the first tenth of the bars.
    """
    torch.set_num_threads(1)
    meter, early = Meter(), 0.0

    def watched() -> Iterator[Panel]:
        nonlocal early
        for k, chunk in enumerate(stream_minutes(bars, _MINUTE_CHUNK)):
            yield chunk
            meter.look()
            if k * _MINUTE_CHUNK < bars / 10:
                early = meter.anonymous

    write_table(folder, watched(), "ohlcv", DECAY)
    for step, _ in enumerate(all_windows(folder, context, 64, context // 4)):
        if step % 64 == 0:
            meter.look()
    return meter.result(bars), meter.anonymous - early


def preparation(home: Path, tickers: int, bars: int) -> Memory:
    """What a training does before its first step, and the first batch; counts rows."""
    os.environ["FORECASTING_HOME"] = str(home)
    torch.set_num_threads(1)
    panel = simulate("volatility", tickers, bars)
    recipe = load_recipe("jamba-tiny")
    meter = Meter()
    examples = prepare(recipe, panel)
    meter.look()
    starting_network(recipe, examples.sequences, examples.split)
    meter.look()
    data = WindowData(examples.sequences, examples.split, recipe)
    next(iter(data.train_dataloader()))
    return meter.result(len(examples.sequences.volatility))
