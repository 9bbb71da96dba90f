"""Planning a walk-forward: what is compared, the folds' proof, the tasks, and where they go."""

from collections.abc import Sequence
from pathlib import Path

from forecasting.config import Recipe
from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.baselines.registry import BASELINES
from forecasting.evaluation.evaluate import MIN_TRAINING_ROWS
from forecasting.market.folds.audit import FoldAudit, audit_walk_forward
from forecasting.market.folds.fold import Fold
from forecasting.market.panel import Panel, day
from forecasting.market.sequences import make_sequences
from forecasting.workflow.trainings import require_comparable
from forecasting.workflow.walk_forward.task import BASELINE_FOLDER, FoldTask


def comparable(recipes: list[Recipe]) -> list[Recipe]:
    """The recipes with the dates of the first one, which count for nothing here.

    Raises:
        ConfigError: What does count differs.
    """
    first = recipes[0].data
    for recipe in recipes[1:]:
        if recipe.data.holdout != first.holdout:
            raise ConfigError(
                f"data.holdout is {first.holdout} in {recipes[0].name} and {recipe.data.holdout} "
                f"in {recipe.name}: expected the same in all recipes. Pass --set data.holdout=DATE."
            )
    dates = {"validation_start": first.validation_start, "test_start": first.test_start}
    alike = [
        recipe.model_copy(update={"data": recipe.data.model_copy(update=dates)})
        for recipe in recipes
    ]
    require_comparable(alike)
    return alike


def require_context(recipes: Sequence[Recipe], folds: Sequence[Fold]) -> None:
    """Refuse windows that no fold has the bars for.

    Raises:
        ConfigError: Names the recipe and the fold.
    """
    shortest = min(folds, key=lambda fold: fold.test_start - fold.train_start)
    bars = shortest.test_start - shortest.train_start
    for recipe in recipes:
        if recipe.training.context_length > bars:
            raise ConfigError(
                f"training.context_length = {recipe.training.context_length} of {recipe.name}: "
                f"fold {shortest.index} has a window of {bars} bars. Set at most that, start "
                "later, or pass more --window-bars."
            )


def prove(prices: Panel, folds: Sequence[Fold], horizons: tuple[int, ...]) -> tuple[FoldAudit, ...]:
    """The proof of all folds from the index arrays of the whole panel, before anything is fitted.

    Raises:
        DataError: A fold has too few rows.
        FoldLeak: The folds leak.
    """
    sequences = make_sequences(prices, variant="close", horizons=horizons)
    origin, last_label = sequences.origin, sequences.last_label
    for fold in folds:
        rows = (origin >= fold.train_start) & (last_label < fold.test_start)
        if rows.sum() < MIN_TRAINING_ROWS:
            raise DataError(
                f"{fold.describe(prices.times)} has no training data to speak of: expected "
                f"{MIN_TRAINING_ROWS} (ticker, bar) rows with features and known outcomes from "
                f"{day(prices.times[fold.train_start])} to "
                f"{day(prices.times[fold.test_start - 1])}, got {int(rows.sum())}. Use longer "
                "histories or more tickers, or pass a later --start."
            )
    return audit_walk_forward([fold.split(sequences) for fold in folds], origin, last_label)


def plan_tasks(
    recipes: Sequence[Recipe],
    folds: Sequence[Fold],
    prices: Panel,
    *,
    seeds: tuple[int, ...],
    holdout: float | str | None,
) -> tuple[FoldTask, ...]:
    """All tasks, fold after fold: every recipe with every seed, then the baselines.

    Args:
        recipes: Recipes.
        folds: The folds.
        prices: The panel that they cut.
        seeds: Seeds of each recipe.
        holdout: First day of the sealed hold-out, which the models of the folds keep.
    """
    tasks = []
    for fold in folds:
        dates = fold.dates(prices.times)
        spans = {
            "validation_start": day(dates.validation_start),
            "test_start": day(dates.test_start),
            "holdout": holdout,
        }
        for recipe in recipes:
            data = recipe.data.model_copy(update=spans)
            for seed in seeds:
                training = recipe.training.model_copy(update={"seed": seed})
                own = recipe.model_copy(update={"data": data, "training": training})
                tasks.append(FoldTask(fold, own))
        data = recipes[0].data.model_copy(update=spans)
        shared = Recipe(name=BASELINE_FOLDER, data=data)
        tasks += [FoldTask(fold, shared, kind.name) for kind in BASELINES]
    return tuple(tasks)


def require_free(tasks: Sequence[FoldTask], out: Path, *, resume: bool) -> None:
    """Refuse a folder that has folds already, unless they are to be kept.

    Raises:
        ConfigError: It has.
    """
    taken = [task.folder(out) for task in tasks if task.folder(out).exists()]
    if taken and not resume:
        raise ConfigError(
            f"{taken[0]} already holds a fold: expected a new folder. Pass --resume to keep what "
            "is finished there, or choose another --out."
        )
