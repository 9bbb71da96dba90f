"""Skill: the results table from scratch, every network and baseline on the same cells.

    python -m benchmarks.skill [--json] [--part PART] [--seeds 5] [--out runs/skill] [--quick]

Models, their MLflow store and its ledger of looks lie below --out, apart from the user's own; a
second call keeps what is trained there. Parts: `daily` (us40), `stacks` (every stack of layers),
`broad` (trained on us190, judged on us40's tickers) and `broad_taught` (with teachers), `tickers`
(left out of training), `cross_section` (rank IC), `hourly` (the next day from intraday bars),
`sample` (the 20 bundled stocks). Bench data is looked for in $FORECASTING_BENCH_DATA; where it is
absent, `sample` alone runs.

From scratch 320 trainings of about a minute each (a network of `daily`, `broad_taught` and `sample`
has four teachers; the GRU on hourly bars takes 3 minutes), two at once, and half an hour of
baselines and scores: about four hours on two cores that do nothing else, with --quick a quarter of
one. The exit status is 1 where a floor is missed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Each training has one thread; it has to be said before torch is loaded, here and in the workers.
os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks import skill_cross_section, skill_daily, skill_hourly, skill_tickers
from benchmarks.outcome import Row, conclude
from benchmarks.skill_setting import FACTORS, HOURLY, US40, US190, Setting, bench_file, positive
from forecasting.errors import ForecastingError

PARTS: dict[str, tuple[Callable[[Setting], list[Row]], tuple[str, ...]]] = {
    "daily": (skill_daily.daily, (US40,)),
    "stacks": (skill_daily.stacks, (US40,)),
    "broad": (skill_daily.broad, (US40, US190)),
    "broad_taught": (skill_daily.broad_taught, (US40, US190)),
    "tickers": (skill_tickers.measure, (US190,)),
    "cross_section": (skill_cross_section.measure, (US190,)),
    "hourly": (skill_hourly.measure, (HOURLY, FACTORS)),
    "sample": (skill_daily.sample, ()),
}
"""What a part runs, and which files of the bench data it needs."""


def main() -> int:
    """Run all parts, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--part", choices=tuple(PARTS))
    parser.add_argument("--seeds", type=positive, help="trainings of a network: 5, quick 1")
    parser.add_argument("--out", type=Path, default=None, help="runs/skill by default")
    parser.add_argument("--processes", type=positive, default=2, help="trainings at once")
    parser.add_argument("--quick", action="store_true", help="few steps: no result")
    chosen = parser.parse_args()
    name = "skill-quick" if chosen.quick else "skill"
    settle(chosen.out or Path("runs") / name)
    seeds = chosen.seeds or (1 if chosen.quick else 5)
    setting = Setting(tuple(range(seeds)), chosen.processes, chosen.quick)
    parts = [chosen.part] if chosen.part else list(PARTS)
    if chosen.part and (gone := _missing(chosen.part)):
        parser.exit(2, f"{gone}\n")
    try:
        rows = [setting.marked(row) for part in parts for row in _run(part, setting)]
    except ForecastingError as error:
        parser.exit(2, f"{error}\n")
    return conclude(rows, as_json=chosen.as_json)


def settle(out: Path) -> None:
    """Let everything that is written fall below a folder: models, tables, the MLflow store."""
    os.environ["FORECASTING_HOME"] = str(out.resolve())
    os.environ.pop("MLFLOW_TRACKING_URI", None)


def _missing(part: str) -> str:
    """Which file of the bench data a part lacks, in words; empty if none."""
    gone = [bench_file(name) for name in PARTS[part][1] if not bench_file(name).is_file()]
    return f"{gone[0]} is not there: set FORECASTING_BENCH_DATA, or ask for sample" if gone else ""


def _run(part: str, setting: Setting) -> list[Row]:
    if gone := _missing(part):
        return [Row(part, "skill", None, "", gone)]
    started = time.perf_counter()
    rows = PARTS[part][0](setting)
    return [*rows, Row(part, "time", time.perf_counter() - started, "s")]


if __name__ == "__main__":
    sys.exit(main())
