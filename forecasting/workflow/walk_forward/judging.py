"""From the results of the folds to out-of-fold forecasts, and to what they gained in each fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_means import date_means
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.law import Law
from forecasting.forecast.mixture import Mixture
from forecasting.market.folds.fold import Fold
from forecasting.market.panel import day
from forecasting.workflow.walk_forward.outcome import CHOSEN, ensemble_name
from forecasting.workflow.walk_forward.task import FoldResult

NO_SEED = -1
"""Seed in tables of a forecaster that has none."""

Results = Mapping[str, Sequence[FoldResult]]
"""Name of a training or baseline to its results, fold after fold."""


@dataclass(frozen=True)
class Entry:
    """One forecaster in the tables.

    Attributes:
        name: How tables call it.
        members: Names of its forecasts, one a seed.
        seeds: Their seeds; `NO_SEED` if it has none.
    """

    name: str
    members: tuple[str, ...]
    seeds: tuple[int, ...] = (NO_SEED,)


def trainings_of(recipe: str, seeds: Sequence[int]) -> tuple[str, ...]:
    """Names of a recipe's forecasts, one a seed."""
    return tuple(f"{recipe}, seed {seed}" for seed in seeds)


def choices(results: Results, recipes: Sequence[str], seeds: Sequence[int]) -> tuple[str, ...]:
    """In each fold the recipe whose validation NLL, averaged over the seeds, is smallest."""

    def nll(recipe: str, fold: int) -> float:
        each = [results[name][fold] for name in trainings_of(recipe, seeds)]
        return float(np.mean([result.numbers["validation_nll"] for result in each]))

    n_folds = len(results[trainings_of(recipes[0], seeds)[0]])
    return tuple(min(recipes, key=lambda name: nll(name, fold)) for fold in range(n_folds))


def chosen_results(results: Results, chosen: Sequence[str], seeds: Sequence[int]) -> Results:
    """The results of `chosen`, one forecast a seed."""
    return {
        f"{CHOSEN}, seed {seed}": [
            results[f"{recipe}, seed {seed}"][fold] for fold, recipe in enumerate(chosen)
        ]
        for seed in seeds
    }


def joined(name: str, results: Sequence[FoldResult]) -> Forecast | None:
    """The forecasts of all folds as one; None if their laws are not of one kind."""
    parts = [result.forecast for result in results]
    law = _joined_law([part.law for part in parts])
    if law is None:
        return None
    return replace(
        parts[0],
        name=name,
        times=np.concatenate([part.times for part in parts]),
        price=np.concatenate([part.price for part in parts]),
        law=law,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _joined_law(laws: Sequence[Law]) -> Law | None:
    first = laws[0]
    if {type(law) for law in laws} != {type(first)}:
        return None
    if isinstance(first, Mixture):
        members = zip(*(law.laws for law in laws if isinstance(law, Mixture)), strict=True)
        together = [_joined_law(each) for each in members]
        whole = tuple(law for law in together if law is not None)
        return Mixture(whole) if len(whole) == len(together) else None
    parameters = [law.parameters() for law in laws]
    return replace(
        first,
        **{name: np.concatenate([each[name] for each in parameters]) for name in parameters[0]},
    )


def ensemble(recipe: str, forecasts: Sequence[Forecast]) -> Forecast:
    """The equal-weight mixture of a recipe's seeds."""
    mixture = Mixture(tuple(forecast.law for forecast in forecasts))
    name = ensemble_name(recipe, len(forecasts))
    return replace(forecasts[0], name=name, law=mixture, notes=())


def fold_table(
    folds: Sequence[Fold], times: np.ndarray, results: Sequence[FoldResult], chosen: Sequence[str]
) -> pd.DataFrame:
    """Dates, rows and what was known, as `WalkForward.folds`.

    Args:
        folds: The folds.
        times: Of the panel.
        results: Of one network in each fold; all have the same rows.
        chosen: Recipe of each fold, or empty.
    """
    rows = []
    for fold, result in zip(folds, results, strict=True):
        rows.append(
            {
                "fold": fold.index,
                "train_start": day(times[fold.train_start]),
                "validation_start": day(times[fold.validation_start]),
                "test_start": day(times[fold.test_start]),
                "test_end": day(times[fold.test_end - 1]),
                "train_rows": result.audit.train_rows,
                "validation_rows": result.audit.validation_rows,
                "test_rows": result.audit.test_rows,
                "tickers": len(result.tickers),
                "chosen": chosen[fold.index] if chosen else "",
            }
        )
    return pd.DataFrame(rows)


def gain_by_fold(
    cells: Sequence[Cells], folds: Sequence[Fold], entries: Sequence[Entry]
) -> pd.DataFrame:
    """Losses and gains over EWMA-t in each fold, as `WalkForward.by_fold`.

    Args:
        cells: The common cells of each horizon; their dates count from the first test bar.
        folds: The folds.
        entries: The forecasters.
    """
    first, rows = folds[0].test_start, []
    for fold in folds:
        for part in cells:
            inside = (part.date >= fold.test_start - first) & (part.date < fold.test_end - first)
            base = _mean_nll(part, EwmaT.name, inside)
            for entry in entries:
                for name, seed in zip(entry.members, entry.seeds, strict=True):
                    nll = _mean_nll(part, name, inside)
                    row = {"fold": fold.index, "forecaster": entry.name, "seed": seed}
                    rows.append(row | {"horizon": part.horizon, "nll": nll, "gain": base - nll})
    return pd.DataFrame(rows)


def _mean_nll(part: Cells, name: str, inside: np.ndarray) -> float:
    """Mean over dates of the mean over tickers; NaN without a cell."""
    if not inside.any():
        return np.nan
    return float(date_means(part.scores[name]["nll"].to_numpy()[inside], part.date[inside]).mean())
