"""What the folds left behind, and the `WalkForward` that is concluded from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from forecasting.config import Recipe
from forecasting.evaluation.scores.cells import Cells, common_cells
from forecasting.forecast.forecast import Forecast
from forecasting.market.folds.audit import FoldAudit
from forecasting.market.folds.fold import Fold
from forecasting.market.folds.walk_forward import WalkForwardSettings
from forecasting.market.panel import Panel, day
from forecasting.market.survivorship import survivorship
from forecasting.workflow.comparison import (
    ensemble_table,
    gain_table,
    notes_on_tests,
    seed_table,
    standing_table,
)
from forecasting.workflow.walk_forward.files import read_result, seconds
from forecasting.workflow.walk_forward.judging import (
    Entry,
    Results,
    choices,
    chosen_results,
    ensemble,
    fold_table,
    gain_by_fold,
    joined,
    trainings_of,
)
from forecasting.workflow.walk_forward.outcome import CHOSEN, WalkForward
from forecasting.workflow.walk_forward.task import FoldTask

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Evidence:
    """A walk-forward all of whose tasks have ended.

    Attributes:
        prices: The panel, without a sealed hold-out.
        settings: How it was cut.
        folds: The folds.
        proof: What the index arrays of the whole panel proved of them.
        tasks: Fold after fold.
        out: Where the results lie.
    """

    prices: Panel
    settings: WalkForwardSettings
    folds: tuple[Fold, ...]
    proof: tuple[FoldAudit, ...]
    tasks: tuple[FoldTask, ...]
    out: Path

    def results(self) -> Results:
        """Name of a training or baseline to its results, fold after fold.

        Raises:
            ModelFileError: A file was damaged meanwhile.
        """
        found: dict[str, list] = {}
        for task in self.tasks:
            result = read_result(task, self.prices, self.out)
            assert result is not None, f"{task.name} has not ended"
            found.setdefault(task.name, []).append(result)
        return found

    def trainings(self, results: Results) -> pd.DataFrame:
        """One row a fold, recipe and seed, as `WalkForward.trainings`."""
        rows = []
        for task in self.tasks:
            if not task.baseline:
                row = {"fold": task.fold.index, "recipe": task.recipe.name}
                row |= {"seed": task.recipe.training.seed}
                row |= results[task.name][task.fold.index].numbers
                rows.append(row | {"seconds": seconds(task, self.out)})
        return pd.DataFrame(rows)


def conclude(evidence: Evidence, recipes: Sequence[Recipe], notes: Sequence[str]) -> WalkForward:
    """Join the forecasts, score them on their common cells and test the gains.

    Args:
        evidence: What the folds left behind.
        recipes: The first one is the reference of the others.
        notes: What the caller has to say.

    Raises:
        DataError: There is no common cell at some horizon.
    """
    results, folds = evidence.results(), evidence.folds
    names = tuple(recipe.name for recipe in recipes)
    seeds = tuple(sorted({t.recipe.training.seed for t in evidence.tasks if not t.baseline}))
    chosen = choices(results, names, seeds) if len(names) > 1 else ()
    entries, joint, forecasts, said = _entries(results, names, seeds, chosen)
    span = evidence.prices.at(slice(folds[0].test_start, None))
    cells, gaps = common_cells(span, list(forecasts.values()))
    gains = gain_table(cells, {entry.name: list(entry.members) for entry in entries})
    seeded: dict[str, Sequence[str]] = {
        entry.name: entry.members for entry in entries if entry.seeds == seeds
    }
    rivals = [entry.name for entry in entries if entry.name not in seeded]
    ensembles = ensemble_table(cells, seeded, joint)
    mixed = [Entry(name, (name,)) for name in joint.values()]
    dates, tickers = _scored(cells)
    all_notes = [
        *(() if span.member is None else (survivorship(span),)),
        *notes,
        *_protocol(evidence, seeds),
        *said,
        *notes_on_tests(cells, gains, ensembles),
        *(f"{r.name}: {doubt}" for r in recipes for doubt in r.network.doubts()),
        *gaps,
        *(note for forecast in forecasts.values() for note in forecast.notes),
    ]
    return WalkForward(
        recipes=names,
        seeds=seeds,
        settings=evidence.settings,
        horizons=recipes[0].data.horizons,
        tickers=tuple(span.tickers[k] for k in tickers),
        start=span.times[dates[0]],
        end=span.times[dates[-1]],
        n_dates=len(dates),
        gains=gains,
        by_seed=seed_table(cells, seeded, seeds),
        ensembles=ensembles,
        overall=standing_table(cells, _only(names, seeded), _only(names, joint), rivals),
        folds=fold_table(folds, evidence.prices.times, results[entries[0].members[0]], chosen),
        by_fold=gain_by_fold(cells, folds, [*entries, *mixed]),
        trainings=evidence.trainings(results),
        proof=evidence.proof,
        forecasts=forecasts,
        notes=tuple(dict.fromkeys(all_notes)),
    )


def _scored(cells: Sequence[Cells]) -> tuple[np.ndarray, np.ndarray]:
    """Dates and tickers with a cell at any horizon, as indices into the span."""
    dates = np.unique(np.concatenate([part.date for part in cells]))
    return dates, np.unique(np.concatenate([part.ticker for part in cells]))


def _only(names: Sequence[str], mapping: dict[str, Value]) -> dict[str, Value]:
    return {name: mapping[name] for name in names if name in mapping}


def _entries(
    results: Results, recipes: tuple[str, ...], seeds: tuple[int, ...], chosen: tuple[str, ...]
) -> tuple[list[Entry], dict[str, str], dict[str, Forecast], list[str]]:
    """The forecasters of the tables, their ensembles, all forecasts, and what is to be said."""
    all_results = dict(results)
    if chosen:
        all_results |= chosen_results(results, chosen, seeds)
    whole = {name: joined(name, parts) for name, parts in all_results.items()}
    forecasts = {name: forecast for name, forecast in whole.items() if forecast is not None}
    entries, joint, notes = [], {}, []
    for name in (*recipes, *([CHOSEN] if chosen else [])):
        members = trainings_of(name, seeds)
        if any(member not in forecasts for member in members):
            notes.append(f"No forecaster {name!r}: the laws of its folds are of different kinds.")
            forecasts = {key: each for key, each in forecasts.items() if key not in members}
            continue
        entries.append(Entry(name, members, seeds))
        if len(seeds) > 1:
            mixed = ensemble(name, [forecasts[member] for member in members])
            forecasts[mixed.name] = mixed
            joint[name] = mixed.name
    trained = {member for name in recipes for member in trainings_of(name, seeds)}
    entries += [Entry(name, (name,)) for name in results if name not in trained]
    return entries, joint, forecasts, notes


def _protocol(evidence: Evidence, seeds: tuple[int, ...]) -> list[str]:
    """How it was done: the folds, who was known to them, the seeds."""
    settings, folds, times = evidence.settings, evidence.folds, evidence.prices.times
    first = day(times[folds[0].test_start])
    gap = min(audit.smallest_gap for audit in evidence.proof)
    window = "all bars before it"
    if settings.window_bars is not None:
        window = f"the {settings.window_bars} bars before it"
    notes = [
        f"Protocol: fitted once, tested forward, on {window}; scored from {first}."
        if len(folds) == 1
        else f"Protocol: walk-forward, refitted every {settings.refit_every} bars ({len(folds)} "
        f"folds from {first}), each on {window}; baselines, features, normalisation and choice of "
        "weights too. It is another claim than 'fitted once, tested forward'.",
        f"Proof: in all {len(folds)} folds every label that was learnt from ends before what it "
        f"must not reach, by {gap} bar{'s' if gap > 1 else ''} at least.",
    ]
    left_out: dict[str, list[int]] = {}
    for fold in folds:
        known = fold.known(evidence.prices)
        for ticker in np.array(evidence.prices.tickers)[~known].tolist():
            left_out.setdefault(ticker, []).append(fold.index)
    if left_out:
        some = [f"{name} ({len(each)})" for name, each in list(left_out.items())[:5]]
        notes.append(
            "Not forecast in folds that do not know them, for they have no bars before the test or "
            f"a constant price: {', '.join(some)}{' ...' if len(left_out) > 5 else ''} (folds)."
        )
    if len(seeds) == 1:
        notes.append("One seed: how much of a gain is its luck is not known. Train with more.")
    else:
        notes.append(
            f"A recipe's loss is the mean over its {len(seeds)} seeds; their joint forecast stands "
            "apart as the ensemble. The tests hold the seeds fixed: a gain that is small beside "
            "the spread over seeds may be the seeds' luck, whatever its verdict."
        )
    return notes
