"""Windows: memory of an epoch beside other ways to have the same windows, and the loader's rate.

    python -m benchmarks.data_windows [--json] [--peers FOLDER]

The table has 500 tickers, 5,000 bars and 32 features, simulated; a window has 256 bars. Every case
runs in a process of its own. neuralforecast may be installed in a folder of its own.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from benchmarks import data_memory
from benchmarks.data_memory import HORIZONS, Memory, all_windows
from benchmarks.outcome import Row, conclude
from benchmarks.timing import interleaved

Answer = TypeVar("Answer")
CONTEXT, BATCH = 256, 64
_MIB = 2**20
_COPIED = 10_000  # windows
_GROWTH = 16.0  # MiB, as of the stream of features alone
_SERIES, _DEFAULT_SERIES = 4, 32

# As its own training step does it: batches of whole series, unfolded into windows, then sampled.
_NEURALFORECAST = """
import json, sys
import numpy as np, pandas as pd, torch
from neuralforecast.models import MLP
from neuralforecast.tsdataset import TimeSeriesDataset, TimeSeriesLoader
def mebibytes(entry):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(entry))
tickers, bars, context, series = (int(each) for each in sys.argv[1:])
names = [f"x{k}" for k in range(32)]
model = MLP(h=21, input_size=context, hist_exog_list=names, max_steps=1)
columns = pd.Index(["y", *names, "available_mask"])
before = mebibytes("VmRSS:")
rows = np.ones((tickers * bars, len(columns)), np.float32)
data = TimeSeriesDataset(rows, columns, np.arange(0, tickers * bars + 1, bars), 0)
del rows
batch = next(iter(TimeSeriesLoader(data, batch_size=series, shuffle=True)))
open("/proc/self/clear_refs", "w").write("5")
windows = model._create_windows(batch, step="train")[0]
peak = mebibytes("VmHWM:") - before
print(json.dumps([peak, windows.numel() * 4 / 2**20, len(windows)]))
"""


def measure(tickers: int = 500, bars: int = 5000, peers: str | None = None) -> list[Row]:
    """All cases.

    Args:
        tickers: Of the table.
        bars: Of each.
        peers: Folder in which neuralforecast is installed, if not in this environment.
    """
    with tempfile.TemporaryDirectory(dir=os.environ.get("FORECASTING_HOME")) as place:
        folder = Path(place) / "table"
        written = alone(data_memory.write, folder, tickers, bars)
        raw = written.count / _MIB
        epoch = alone(data_memory.whole_epoch, folder, CONTEXT, BATCH, 1)
        copied = alone(data_memory.materialised, folder, CONTEXT, _COPIED)
        ours, gathered = alone(rates, folder)
        prepared = alone(data_memory.preparation, Path(place), tickers, bars)
    case = f"windows {tickers} x {bars:,} x 32, context {CONTEXT}"
    told = f"{epoch.count:,} windows in {epoch.seconds:.0f} s, raw {raw:.0f} MiB, {_parts(epoch)}"
    copies = copied.peak * epoch.count / _COPIED
    return [
        # A batch alone is a third of a small table.
        Row(case, "peak memory", epoch.peak / raw, "x raw", told, 1.3 if raw > 256 else None),
        Row(case, "own memory", epoch.anonymous / raw, "x raw", "without the mapped table"),
        Row(
            *(case, "materialised", copies / raw, "x raw"),
            f"{copies / 1024:.1f} GiB, scaled from {_COPIED:,} windows, {copied.peak:.0f} MiB",
        ),
        _neuralforecast_row(case, raw, tickers, bars, peers),
        Row(
            *(case, "rate", ours / gathered, "x gather"),
            f"{ours:,.0f} batches of {BATCH}/s, gather in memory {gathered:,.0f}",
            *(0.8, "larger"),
        ),
        Row("table " + case[8:], "written", written.seconds, "s", _parts(written)),
        Row(
            *(f"train {tickers} x {bars:,} x 20", "prepared", prepared.peak, "MiB"),
            f"beside the prices, to the first batch, {prepared.seconds:.0f} s, {_parts(prepared)}",
        ),
    ]


def minute_rows(bars: int = 10_000_000) -> list[Row]:
    """Minute bars through features and windows."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("FORECASTING_HOME")) as place:
        memory, growth = alone(data_memory.minutes, Path(place) / "table", bars, CONTEXT)
    told = f"after the first tenth; {memory.seconds:.0f} s, {_parts(memory)}"
    return [Row(f"{bars:,} minutes to windows", "growth", growth, "MiB", told, _GROWTH)]


def rates(folder: Path) -> tuple[float, float]:
    """Batches a second of the loader, and of a gather from arrays that are ready in memory.

    The gather has features, scaled targets and bars of all rows in memory, and takes the same
    windows. Targets and masks of the loader are made with the batch.
    """
    torch.set_num_threads(1)
    loader = all_windows(folder, CONTEXT, BATCH, 1)
    table = loader.windows.table
    steps = range(0, len(loader), max(1, len(loader) // 256))
    starts = [loader.starts(step)[0] for step in steps]
    rows = np.arange(len(table.volatility))
    ready = (
        table.features.copy(),
        table.targets(rows, table.ticker(rows), HORIZONS).astype(np.float32),
        table.origin(rows).astype(np.int64),
    )

    def load() -> None:
        for each in starts:
            loader.windows.batch(each)

    def gather() -> None:
        for each in starts:
            places = each[:, None] + np.arange(CONTEXT)
            [torch.from_numpy(values[places]) for values in ready]

    ours, gathered = interleaved([load, gather], 7)
    return len(starts) / ours, len(starts) / gathered


def alone(case: Callable[..., Answer], *arguments: object) -> Answer:
    """The outcome of a case in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        return process.submit(case, *arguments).result()


def _parts(memory: Memory) -> str:
    return f"peak {memory.peak:.0f} MiB, own {memory.anonymous:.0f}, mapped {memory.mapped:.0f}"


def _neuralforecast_row(case: str, raw: float, tickers: int, bars: int, peers: str | None) -> Row:
    """Its windows of one training batch, of its default number of series."""
    command = [sys.executable, "-c", _NEURALFORECAST]
    command += [str(each) for each in (tickers, bars, CONTEXT, _SERIES)]
    path = os.pathsep.join(filter(None, [peers, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False
    )
    if done.returncode:
        missing = "No module named 'neuralforecast'" in done.stderr
        why = "not installed" if missing else done.stderr.strip().splitlines()[-1]
        return Row(case, "neuralforecast", None, "x raw", f"neuralforecast: {why}")
    peak, windows, count = json.loads(done.stdout.splitlines()[-1])
    whole = peak + windows * (_DEFAULT_SERIES / _SERIES - 1)
    told = (
        f"{whole:,.0f} MiB for a batch of {_DEFAULT_SERIES} series, scaled from {_SERIES} "
        f"({count:,} windows, {windows:,.0f} MiB, peak {peak:,.0f} MiB)"
    )
    return Row(case, "neuralforecast", whole / raw, "x raw", told)


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--peers", help="folder in which neuralforecast is installed")
    parser.add_argument("--minutes", type=int, default=10_000_000)
    parser.add_argument("--tickers", type=int, default=500)
    chosen = parser.parse_args()
    rows = measure(chosen.tickers, peers=chosen.peers) + minute_rows(chosen.minutes)
    return conclude(rows, as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
