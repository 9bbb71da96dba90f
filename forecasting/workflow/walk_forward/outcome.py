"""The `WalkForward` value: out-of-fold forecasts, what they gained, and the proof of the folds."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecasting.evaluation.evaluation import records
from forecasting.forecast.forecast import Forecast
from forecasting.market.folds.audit import FoldAudit
from forecasting.market.folds.walk_forward import WalkForwardSettings
from forecasting.market.panel import day

CHOSEN = "chosen"
"""The forecaster that in each fold is the recipe which that fold's validation prefers."""


def ensemble_name(recipe: str, n_seeds: int) -> str:
    """How the equal-weight mixture of a recipe's seeds is called, here as in `compare`."""
    return f"{recipe} ensemble of {n_seeds}"


@dataclass(frozen=True, eq=False)
class WalkForward:
    """Forecasters that were refitted through the test span, judged on the same cells.

    Gains and verdicts are as in `Comparison`: the loss of a recipe on a date is the mean over its
    seeds, tested is the date's mean difference; the mixture of a recipe's seeds stands apart. With
    several recipes, `chosen` is in each fold the one whose mean validation NLL over the seeds is
    smallest: what somebody who had to choose would have got.

    Attributes:
        recipes: Names, in the order asked for; the first is the reference of the others.
        seeds: Seeds that each recipe was trained with in each fold.
        settings: How the folds were cut.
        horizons: Bars ahead.
        tickers: Tickers with at least one scored cell.
        start: Origin of the first scored cell.
        end: Origin of the last scored cell.
        n_dates: Dates with a scored cell at any horizon.
        gains: One row a horizon and forecaster, as `Comparison.gains`.
        by_seed: One row a recipe, seed and horizon, as `Comparison.by_seed`.
        ensembles: One row a horizon and recipe, as `Comparison.ensembles`.
        overall: Verdicts against many at once, as `Comparison.overall`; without `chosen`, which is
            made of the recipes.
        folds: One row a fold: fold, train_start, validation_start, test_start, test_end (last day),
            train_rows, validation_rows, test_rows, tickers (known to it), chosen (recipe, empty if
            there is one only).
        by_fold: One row a fold, forecaster, seed (-1 for all but recipes) and horizon: nll (nats a
            bar) and gain (over EWMA-t, nats a bar) on the fold's common cells, NaN without any.
        trainings: One row a fold, recipe and seed: validation_nll and baseline_validation_nll (nats
            a bar; the latter is EWMA-t's), best_step, seconds.
        proof: What the index arrays of each fold prove: `audit_walk_forward`.
        forecasts: The out-of-fold forecasts by name, of the bars of the test span.
        notes: Sentences that a reader of these numbers has to know.
    """

    recipes: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: WalkForwardSettings
    horizons: tuple[int, ...]
    tickers: tuple[str, ...]
    start: np.datetime64
    end: np.datetime64
    n_dates: int
    gains: pd.DataFrame
    by_seed: pd.DataFrame
    ensembles: pd.DataFrame
    overall: pd.DataFrame
    folds: pd.DataFrame
    by_fold: pd.DataFrame
    trainings: pd.DataFrame
    proof: tuple[FoldAudit, ...]
    forecasts: dict[str, Forecast]
    notes: tuple[str, ...]

    def forecast(self, recipe: str | None = None, seed: int | None = None) -> Forecast:
        """The out-of-fold forecast of the test span, for a backtest.

        Args:
            recipe: Recipe, `chosen` or baseline; the first recipe by default.
            seed: One of the seeds; the mixture of all of them by default.

        Raises:
            ValueError: There is no such forecast.
        """
        name = recipe or self.recipes[0]
        if seed is not None:
            name = f"{name}, seed {seed}"
        elif name in (*self.recipes, CHOSEN):
            only = f"{name}, seed {self.seeds[0]}"
            name = only if len(self.seeds) == 1 else ensemble_name(name, len(self.seeds))
        if name not in self.forecasts:
            raise ValueError(f"no forecast of {name!r}: expected one of {list(self.forecasts)}")
        return self.forecasts[name]

    def verdict(self, forecaster: str, horizon: int) -> str:
        """The verdict of a forecaster against EWMA-t at one horizon.

        Raises:
            ValueError: There was no such comparison.
        """
        found = self.gains.query("forecaster == @forecaster and horizon == @horizon")
        if found.empty or not (words := str(found["verdict"].iloc[0])):
            raise ValueError(f"no comparison of {forecaster!r} at horizon {horizon}")
        return words

    def to_dict(self) -> dict[str, Any]:
        """Everything but the forecasts as JSON types: dates as YYYY-MM-DD, NaN as null."""
        return {
            "recipes": list(self.recipes),
            "seeds": list(self.seeds),
            "settings": asdict(self.settings) | {"window": self.settings.window},
            "horizons": list(self.horizons),
            "tickers": list(self.tickers),
            "start": day(self.start),
            "end": day(self.end),
            "n_dates": self.n_dates,
            "gains": records(self.gains),
            "by_seed": records(self.by_seed),
            "ensembles": records(self.ensembles),
            "overall": records(self.overall),
            "folds": records(self.folds),
            "by_fold": records(self.by_fold),
            "trainings": records(self.trainings),
            "proof": [asdict(audit) for audit in self.proof],
            "notes": list(self.notes),
        }
