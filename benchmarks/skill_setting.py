"""What every part of the skill bench shares: prices, dates, recipes of equal training."""

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.outcome import Row
from forecasting import paths
from forecasting.config import Recipe, load_recipe
from forecasting.market.panel import Panel
from forecasting.market.sources import load_prices

REFERENCE, TWIN, MEMORYLESS = "jamba-small", "gru-small", "memoryless-small"
RECIPES = (REFERENCE, TWIN, MEMORYLESS)
"""The one that is judged, then its twins of equal parameters."""
STACKS = (*RECIPES, "mamba-small", "mamba2-small", "transformer-small", "megalodon-small")
"""And every other stack of the same size."""

US40, US190 = "us40_ohlcv_1999_2021.parquet", "us190_ohlcv_1999_2021.parquet"
HOURLY, FACTORS = "us6_hourly_1998_2021.parquet", "us_lean_factor_files.csv.gz"
DAILY_DATES = ("2015-01-01", "2017-01-01")
"""First day of the validation span and of the test span."""
SAMPLE_DATES = ("2010-01-01", "2013-01-01")

LEAST_BARS = 300

_YEARS_EARLIER = 2
_QUICK = {"max_steps": 24, "validate_every": 12, "warmup_steps": 4}
_NO_RESULT = "SMOKE RUN, NO RESULT: "


@dataclass(frozen=True)
class Setting:
    """How a bench is run.

    Attributes:
        seeds: Every network is trained with each of them.
        processes: Trainings at once, each on one thread.
        quick: A smoke run: trainings of a few steps, whose rows are no result.
    """

    seeds: tuple[int, ...]
    processes: int = 2
    quick: bool = False

    def folder(self, part: str) -> Path:
        """Where the models of a part lie."""
        return paths.runs() / part

    def dates(self, dates: tuple[str, str]) -> tuple[str, str]:
        """First day of validation and of test; of a smoke run two years earlier.

        What is only tried out has no look at the bars that the table is for.
        """
        if not self.quick:
            return dates
        first, second = (str(int(date[:4]) - _YEARS_EARLIER) + date[4:] for date in dates)
        return first, second

    def prices(self, prices: Panel, dates: tuple[str, str]) -> Panel:
        """All bars; of a smoke run those before the table's test span, of tickers that have some.

        Args:
            prices: Of a file.
            dates: First day of validation and of test.
        """
        if not self.quick:
            return prices
        return with_history(prices.between(None, str(np.datetime64(dates[1]) - 1)))

    def daily_prices(self, name: str) -> Panel:
        """As `prices`, of a file of daily bars."""
        return self.prices(bench_prices(name), DAILY_DATES)

    def recipe(self, name: str, dates: tuple[str, str], *, teachers: bool = True) -> Recipe:
        """A shipped recipe, cut at these dates, with the reference's data and training sections.

        Args:
            name: Name of the recipe.
            dates: First day of validation and of test.
            teachers: Keep the teachers that the reference's training section has: five trainings
                a network instead of one.
        """
        reference = load_recipe(REFERENCE)
        first, second = self.dates(dates)
        cut = {"validation_start": first, "test_start": second, "holdout": None}
        training = reference.training
        if not teachers:
            training = training.model_copy(update={"distillation": None})
        same = {"data": reference.data.model_copy(update=cut), "training": training}
        return self.shortened(load_recipe(name).model_copy(update=same))

    def shortened(self, recipe: Recipe) -> Recipe:
        """The recipe itself, or with a few steps for a smoke run."""
        if not self.quick:
            return recipe
        return recipe.model_copy(update={"training": recipe.training.model_copy(update=_QUICK)})

    def marked(self, row: Row) -> Row:
        """The row itself; of a smoke run without a floor, and saying so."""
        return replace(row, floor=None, peer=f"{_NO_RESULT}{row.peer}") if self.quick else row


def positive(text: str) -> int:
    """An argument of the command line that counts something.

    Raises:
        argparse.ArgumentTypeError: It is no whole number above 0.
    """
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} given, expected a whole number above 0")
    return int(text)


def bench_file(name: str) -> Path:
    """A file of $FORECASTING_BENCH_DATA, else of the folder `shared` beside the repository."""
    beside = paths.PACKAGE.parents[1] / "shared" / "data" / "bench"
    return Path(os.environ.get("FORECASTING_BENCH_DATA", beside)) / name


def with_history(prices: Panel) -> Panel:
    """The tickers that have `LEAST_BARS`: of a panel that was cut, some were listed later."""
    long = prices.mask.sum(axis=0) >= LEAST_BARS
    return prices.select([prices.tickers[k] for k in np.flatnonzero(long)])


def bench_prices(name: str) -> Panel:
    """All tickers of a file of the bench data; blank prices stay masked."""
    return load_prices(str(bench_file(name)), missing="mask")
