"""Prices, features and windows: speed, memory and their floors in one table.

    python -m benchmarks.data [--json] [--quick] [--peers FOLDER]

Everything runs on simulated prices with one thread. `--quick` is a tenth of the size.
"""

import argparse
import importlib
import sys
from collections.abc import Callable

from benchmarks import data_windows
from benchmarks.outcome import Row, conclude


def _part(module: str, options: dict[str, int]) -> Callable[[], list[Row]]:
    """The rows of a module that is imported when they are measured."""

    def measure() -> list[Row]:
        rows: list[Row] = importlib.import_module(module).measure(**options)
        return rows

    return measure


def main() -> int:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("--peers", help="folder in which neuralforecast is installed")
    chosen = parser.parse_args()
    share = 10 if chosen.quick else 1
    minutes = 10_000_000 // share
    parts: tuple[Callable[[], list[Row]], ...] = (
        lambda: data_windows.measure(500 // share, peers=chosen.peers),
        lambda: data_windows.minute_rows(minutes),
        _part("benchmarks.data_features", {"bars": minutes}),
        _part("benchmarks.data_store", {"symbols": 1000 // share}),
    )
    return conclude([row for part in parts for row in part()], as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
