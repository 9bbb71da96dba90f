"""The lab: what a change of a recipe does on validation spans; the test span is never loaded.

    python -m benchmarks.lab [--recipe jamba-small] --set training.weight_decay=0.5 [--set ...]
                             [--base SETTING]... [--seeds 2] [--data us40|us190] [--json]

Trains the recipe as it is and as changed, on us40 (or us190) up to 2011 and up to 2014, and judges
the two on the two years that follow each, the tickers of us40 alone. Best weights are chosen on the
same two years, so that gains flatter both alike. `--base` changes both: the log's entries stand on
the recipe of their day. Bench data is looked for in $FORECASTING_BENCH_DATA.

A training has one thread and takes about a minute, a distilled one five; two at once. So the
entries of `docs/experiments.md` that are changes of settings can be measured again.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Each training has one thread; it has to be said before torch is loaded, here and in the workers.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.progress import track

from benchmarks.outcome import Row, conclude
from benchmarks.skill_setting import (
    DAILY_DATES,
    REFERENCE,
    US40,
    US190,
    bench_file,
    bench_prices,
    positive,
    with_history,
)
from forecasting.config import load_recipe
from forecasting.errors import DataError, ForecastingError
from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.forecast.student_t import StudentT
from forecasting.forecaster.network_forecaster import network_law
from forecasting.training.distillation import fit_recipe
from forecasting.training.examples import prepare, starting_laws
from forecasting.workflow.orphans import end_with_parent

FILES = {"us40": US40, "us190": US190}
SPANS = (("2012-01-01", "2013-12-31"), (DAILY_DATES[0], "2016-12-30"))
"""First and last day of each validation span; the last one is that of the skill bench."""


def main() -> int:
    """Measure one change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default=REFERENCE)
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="a.b=c")
    parser.add_argument("--base", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--to", default=None, help="another recipe, instead of --set")
    parser.add_argument("--seeds", type=positive, default=2)
    parser.add_argument("--data", choices=tuple(FILES), default="us40")
    parser.add_argument("--processes", type=positive, default=2, help="trainings at once")
    parser.add_argument("--json", action="store_true", dest="as_json")
    chosen = parser.parse_args()
    base, changed = tuple(chosen.base), (*chosen.base, *chosen.changes)
    arms = [(chosen.recipe, base), (chosen.to or chosen.recipe, changed)]
    try:
        _require(arms, chosen.data)
    except ForecastingError as error:
        parser.exit(2, f"{error}\n")
    runs = [(span, seed, arm) for span in SPANS for seed in range(chosen.seeds) for arm in arms]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        chosen.processes, mp_context=spawn, initializer=end_with_parent
    ) as pool:
        jobs = [
            pool.submit(losses, name, (*settings, f"training.seed={seed}"), chosen.data, span)
            for span, seed, (name, settings) in runs
        ]
        words, console = f"training {len(jobs)} models", Console(stderr=True)
        found = [job.result() for job in track(jobs, words, console=console)]
    rows = []
    for span in SPANS:
        plain, other = (
            [
                loss
                for run, loss in zip(runs, found, strict=True)
                if run[0] == span and run[2] == arm
            ]
            for arm in arms
        )
        rows += _rows(f"{span[0]} to {span[1]}", plain, other)
    return conclude(rows, as_json=chosen.as_json)


def _require(arms: list[tuple[str, tuple[str, ...]]], data: str) -> None:
    """Refuse what would fail in the middle of the trainings."""
    for name, settings in arms:
        load_recipe(name, settings)
    if not (file := bench_file(FILES[data])).is_file():
        raise DataError(f"{file} is not there: set FORECASTING_BENCH_DATA.")


def _rows(case: str, plain: list[pd.DataFrame], changed: list[pd.DataFrame]) -> list[Row]:
    """Gain over EWMA-t of both arms, and of one over the other, each horizon."""
    rows = []
    for horizon in (int(h) for h in plain[0].columns):
        arms = [np.stack([loss[horizon] for loss in arm]) for arm in (plain, changed)]
        for name, each in zip(("as it is", "changed"), arms, strict=True):
            gains = -each.mean(axis=1)
            spread = f"seeds {gains.std(ddof=1):.4f}" if len(gains) > 1 else "one seed"
            rows.append(
                Row(f"{case} h{horizon}", name, gains.mean(), "nats", f"over EWMA-t; {spread}")
            )
        by_seed = (arms[0] - arms[1]).mean(axis=1)
        error = by_seed.std(ddof=1) / np.sqrt(len(by_seed)) if len(by_seed) > 1 else np.nan
        test = diebold_mariano((arms[0] - arms[1]).mean(axis=0), horizon)
        said = f"standard error over seeds {error:.4f}; over dates t {test.t:+.1f}"
        rows.append(Row(f"{case} h{horizon}", "gain of the change", test.gain, "nats", said))
    return rows


def losses(name: str, settings: tuple[str, ...], data: str, span: tuple[str, str]) -> pd.DataFrame:
    """Train once; log loss less that of EWMA-t, mean over tickers, one row a date, by horizon."""
    torch.set_num_threads(1)
    # The panel ends with the span: no later bar is there to be looked at.
    dates = (f"data.validation_start={span[0]}", f"data.test_start={span[1]}")
    recipe = load_recipe(name, (*settings, *dates))
    prices = bench_prices(FILES[data]).between(None, span[1])
    judged = bench_prices(US40).tickers
    prices = with_history(prices)
    examples = prepare(recipe, prices)
    sequences, split = examples.sequences, examples.split
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit_recipe(
            recipe, sequences, split, checkpoints=Path(folder) / "checkpoints", progress=False
        )
    law = network_law(fitted.network, sequences)
    start = [np.array(values) for values in zip(*starting_laws(sequences, split), strict=True)]
    base = StudentT(np.zeros(len(start[0])), *start)
    rows = split.validation & np.isin(prices.tickers, judged)[sequences.ticker]
    targets = sequences.targets
    gain = (law.log_density(targets) - base.log_density(targets))[rows]
    table = pd.DataFrame(-gain, columns=list(recipe.data.horizons))
    return table.groupby(sequences.origin[rows]).mean()


if __name__ == "__main__":
    sys.exit(main())
