"""Real prices that lie outside the repository and must not be copied into it."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2] / "shared" / "data" / "bench"


def bench_file(name: str) -> Path:
    """A file of $FORECASTING_BENCH_DATA; the test is skipped where it is absent."""
    path = Path(os.environ.get("FORECASTING_BENCH_DATA", _BESIDE)) / name
    if not path.is_file():
        pytest.skip(f"{name} is not there: set FORECASTING_BENCH_DATA")
    return path
