"""An out-of-fold forecast read back from a walk-forward's folder, without fitting anything."""

from collections.abc import Sequence
from pathlib import Path

from forecasting.errors import ConfigError, ModelFileError
from forecasting.forecast.forecast import Forecast
from forecasting.market.folds.audit import FoldAudit
from forecasting.market.panel import Panel
from forecasting.workflow.walk_forward.files import read_result
from forecasting.workflow.walk_forward.judging import (
    Results,
    choices,
    chosen_results,
    ensemble,
    joined,
    trainings_of,
)
from forecasting.workflow.walk_forward.manifest import Manifest
from forecasting.workflow.walk_forward.outcome import CHOSEN
from forecasting.workflow.walk_forward.task import FoldResult, FoldTask


def read_forecast(
    folder: Path, manifest: Manifest, prices: Panel, recipe: str | None, seed: int | None
) -> tuple[Forecast, tuple[FoldAudit, ...]]:
    """One forecaster's forecasts of all test blocks, and what the rows of each fold prove.

    Args:
        folder: Of the walk-forward.
        manifest: What it holds.
        prices: As `Manifest.seen` gives them.
        recipe: Recipe, `chosen` or baseline; the first recipe by default.
        seed: One of the seeds; the mixture of all of them by default.

    Raises:
        ConfigError: No such forecaster or seed, or laws of different kinds in its folds.
        ModelFileError: A fold is missing or damaged.
    """
    names, seeds = tuple(each.name for each in manifest.recipes), tuple(range(manifest.seeds))
    tasks = manifest.tasks(prices)
    baselines = tuple(dict.fromkeys(task.baseline for task in tasks if task.baseline))
    name = recipe or names[0]
    _require_known(
        folder, name, seed, (*names, CHOSEN) if len(names) > 1 else names, baselines, seeds
    )
    members = _members(name, baselines, seeds if seed is None else (seed,))
    # Whoever chooses among recipes looks at all seeds of each.
    chooses = [member for each in names for member in trainings_of(each, seeds)]
    results = _results(folder, manifest, prices, tasks, chooses if name == CHOSEN else members)
    if name == CHOSEN:
        results = chosen_results(results, choices(results, names, seeds), seeds)
    proof = tuple(result.audit for result in results[members[0]])
    return _joined(name, members, results), proof


def _members(name: str, baselines: Sequence[str], seeds: Sequence[int]) -> tuple[str, ...]:
    """Names of the trainings that a forecaster is made of."""
    return (name,) if name in baselines else trainings_of(name, seeds)


def _require_known(
    folder: Path,
    name: str,
    seed: int | None,
    seeded: Sequence[str],
    baselines: Sequence[str],
    seeds: Sequence[int],
) -> None:
    """Refuse a forecaster or a seed that the folder does not have."""
    known = (*seeded, *baselines)
    if name not in known:
        raise ConfigError(
            f"no forecaster {name!r} in {folder}: expected one of {', '.join(known)}."
        )
    if seed is not None and (name in baselines or seed not in seeds):
        have = f"it has {', '.join(map(str, seeds))}"
        have = "a baseline has no seeds" if name in baselines else have
        raise ConfigError(f"no seed {seed} of {name} in {folder}: {have}. Choose one of these.")


def _results(
    folder: Path,
    manifest: Manifest,
    prices: Panel,
    tasks: Sequence[FoldTask],
    wanted: Sequence[str],
) -> Results:
    """Results by name, fold after fold.

    Raises:
        ModelFileError: One is missing or damaged.
    """
    results: dict[str, list[FoldResult]] = {}
    for task in tasks:
        if task.name in wanted:
            result = read_result(task, prices, folder, code=manifest.code)
            if result is None:
                raise ModelFileError(
                    f"{folder} is not finished: {task.fold.describe(prices.times)} has no result "
                    f"of {task.name}. Finish it with `forecasting walk-forward --resume`."
                )
            results.setdefault(task.name, []).append(result)
    return results


def _joined(name: str, members: Sequence[str], results: Results) -> Forecast:
    """The forecast of one training, or the mixture of several."""
    whole = [joined(member, results[member]) for member in members]
    forecasts = [forecast for forecast in whole if forecast is not None]
    if len(forecasts) < len(whole):
        raise ConfigError(
            f"{name}: the laws of its folds are of different kinds, so that they make no one "
            "forecast. Choose one of the recipes."
        )
    return forecasts[0] if len(forecasts) == 1 else ensemble(name, forecasts)
