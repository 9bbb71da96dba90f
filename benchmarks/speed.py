"""Speed and memory of the line as a whole.

    python -m benchmarks.speed [--json] [--demo]

Every case runs in a fresh process; `--demo` adds training and report on the bundled sample, which
takes minutes. Larger prices are read from `FORECASTING_BENCH_DATA`, else `../shared/data/bench`;
cases whose prices are absent are reported as missing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.outcome import Row, conclude

_HISTORY = """
import json, resource, sys, time
import torch
from forecasting.config import load_recipe
from forecasting.forecaster.model_folder import ModelFiles
from forecasting.forecaster.network_forecaster import NetworkForecaster, build_network
from forecasting.market.sources import load_prices
from forecasting.training.examples import prepare
prices = load_prices(sys.argv[1])
recipe = load_recipe("jamba-tiny")
examples = prepare(recipe, prices)
torch.manual_seed(0)
network = build_network(recipe, len(examples.sequences.feature_names))
model = NetworkForecaster(ModelFiles(recipe, examples.corpus, {}, ""), network)
del examples
started = time.perf_counter()
count = int(model.forecast(prices).mask.sum())
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"forecasts": count, "seconds": seconds, "peak": peak}))
"""


def bench_data(name: str) -> Path | None:
    """A file of the larger prices, None where they are absent."""
    root = Path(__file__).resolve().parent.parent
    default = root.parent / "shared" / "data" / "bench"
    path = Path(os.environ.get("FORECASTING_BENCH_DATA", default)) / name
    return path if path.is_file() else None


def history(case: str, source: str | None, floor: float | None = None) -> list[Row]:
    """Forecast every bar of every ticker of a source: seconds, rate and peak memory."""
    if source is None:
        return [Row(case, "seconds", None, "s", "prices are absent")]
    command = [sys.executable, "-c", _HISTORY, source]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    rate = found["forecasts"] / found["seconds"]
    return [
        Row(case, "seconds", found["seconds"], "s", f"{found['forecasts']:,} forecasts", floor),
        Row(case, "rate", rate, "forecasts/s", better="larger"),
        Row(case, "peak memory", found["peak"], "MiB"),
    ]


def start_up() -> Row:
    """Median wall time of `forecasting --help`."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "forecasting", "--help"], capture_output=True, check=True
        )
        seconds.append(time.perf_counter() - started)
    return Row("forecasting --help", "seconds", statistics.median(seconds), "s", "", 0.7)


def demo() -> list[Row]:
    """What `make demo` does, in a folder of its own."""
    line = [sys.executable, "-m", "forecasting"]
    with tempfile.TemporaryDirectory() as home:
        out = f"{home}/demo"
        verbs = [
            ["train", "--recipe", "jamba-tiny", "--seed", "0", "--out", out],
            ["report", out, "--out", f"{out}/report.html"],
        ]
        started, peak = time.perf_counter(), 0.0
        for verb in verbs:
            peak = max(peak, _peak_of([*line, *verb], home))
        seconds = time.perf_counter() - started
    return [
        Row("demo", "seconds", seconds, "s", "train and report", 360),
        Row("demo", "peak memory", peak, "MiB", "", 3072),
    ]


def _peak_of(command: list[str], home: str) -> float:
    """Run a command; returns its own peak resident memory in MiB."""
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "FORECASTING_HOME": home}
    )
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss / 1024


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--demo", action="store_true", help="also time the demo (minutes)")
    chosen = parser.parse_args()
    rows = [start_up(), *history("20 tickers, whole history", "sample", floor=20)]
    for name in ("us40_ohlcv_1999_2021.parquet", "us190_ohlcv_1999_2021.parquet"):
        path = bench_data(name)
        rows += history(f"{name[:5].rstrip('_')}, whole history", str(path) if path else None)
    if chosen.demo:
        rows += demo()
    return conclude(rows, as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
