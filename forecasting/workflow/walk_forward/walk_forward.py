"""Purged walk-forward: recipes and baselines refitted through the test span, judged out of fold."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from forecasting import paths
from forecasting.config import Recipe
from forecasting.forecaster.holdout import seal
from forecasting.market.folds.walk_forward import WalkForwardSettings, walk_forward_folds
from forecasting.market.panel import Panel, day
from forecasting.training.examples import choose_recipe
from forecasting.training.tracking import Run
from forecasting.training.trial_ledger import TrialRun, open_trial
from forecasting.workflow.parent_run import open_parent_run
from forecasting.workflow.walk_forward.evidence import Evidence, conclude
from forecasting.workflow.walk_forward.files import read_result
from forecasting.workflow.walk_forward.manifest import Manifest
from forecasting.workflow.walk_forward.outcome import WalkForward
from forecasting.workflow.walk_forward.plan import (
    comparable,
    plan_tasks,
    prove,
    require_context,
    require_free,
)
from forecasting.workflow.walk_forward.pool import run_tasks
from forecasting.workflow.walk_forward.run import log_task, log_walk_forward

FoldProgress = Callable[[str, int, int], None]
"""Called with a few words, how many tasks are done, and how many there are."""


def walk_forward(
    prices: Panel,
    recipes: Sequence[str | Path | Recipe],
    *,
    folds: WalkForwardSettings,
    seeds: int = 3,
    overrides: tuple[str, ...] = (),
    out: str | Path | None = None,
    resume: bool = False,
    workers: int = 1,
    threads: int = 1,
    progress: FoldProgress | None = None,
) -> WalkForward:
    """Refit every recipe and baseline fold after fold, and judge their forecasts out of fold.

    In each fold all that is fitted or chosen knows nothing but prices before its test block. The
    forecasts of the blocks, joined, are judged on their common cells as by `compare`. The dates in
    the recipes do not count; a sealed hold-out is cut off first. Each training is an MLflow run,
    shown below that of the walk-forward, and each recipe a look in the trial ledger.

    Args:
        prices: Panel to walk through.
        recipes: Recipes, their names, or YAML files; the first is the reference of the others.
        folds: Where the test starts, how often to refit, and on what.
        seeds: Trainings a recipe and fold, with the seeds 0, 1, ...
        overrides: `section.key=value` changes of every recipe.
        out: Folder of models and results; `runs/walk-forward` by default.
        resume: Keep the tasks that `out` has finished.
        workers: Processes that share the tasks; results are the same bytes for any number.
        threads: Torch threads of each.
        progress: Called when a task is finished.

    Raises:
        ConfigError: A recipe is not valid, two do not compare, a window is shorter than the
            context, or `out` holds another walk-forward.
        DataError: The prices do not suffice; of a fold, its number and dates are named.
        ModelFileError: A result in `out` is damaged.
        TrackingError: The MLflow store cannot be reached.
        ValueError: No recipe, seed, worker or thread; overrides of a recipe that is not read.
    """
    if not recipes or min(seeds, workers, threads) < 1:
        raise ValueError("expected at least one recipe, seed, worker and thread")
    say = progress or (lambda words, done, total: None)
    compared = comparable([choose_recipe(recipe, overrides, None) for recipe in recipes])
    first, seen = seal(compared[0], prices)
    cut = walk_forward_folds(seen, folds, first.data.horizons)
    require_context(compared, cut)
    proof = prove(seen, cut, first.data.horizons)
    tasks = plan_tasks(compared, cut, seen, seeds=tuple(range(seeds)), holdout=first.data.holdout)
    place = Path(out) if out is not None else paths.runs() / "walk-forward"
    require_free(tasks, place, resume=resume)
    waiting = [task for task in tasks if read_result(task, seen, place) is None]
    tested = seen.at(slice(cut[0].test_start, None))
    manifest = Manifest.of(compared, folds, seeds, first.data.holdout, seen)
    with open_parent_run("walk_forward", place, resume=resume) as run, ExitStack() as stack:
        manifest.write(place)
        looks = [
            stack.enter_context(_look(recipe, folds, seeds, tested, run)) for recipe in compared
        ]
        done = len(tasks) - len(waiting)
        say("fitting", done, len(tasks))
        with closing(run_tasks(waiting, seen, place, workers=workers, threads=threads)) as ended:
            for task, error in ended:
                log_task(run, task, seen, place, error)
                done += 1
                say(f"fold {task.fold.index}, {task.name}", done, len(tasks))
        say("scores and tests", done, len(tasks))
        evidence = Evidence(seen, folds, cut, proof, tasks, place)
        notes = [] if seen is prices else [_sealed(prices, seen)]
        made = conclude(evidence, compared, [*notes, looks[-1].sentence()])
        for recipe, look in zip(compared, looks, strict=True):
            of_recipe = made.gains[made.gains["forecaster"] == recipe.name]
            gains = of_recipe.to_dict(orient="records")
            look.log_scores({f"gain_h{row['horizon']}": float(row["gain"]) for row in gains})
        log_walk_forward(run, made, seen)
    return made


@contextmanager
def _look(
    recipe: Recipe, folds: WalkForwardSettings, seeds: int, tested: Panel, parent: Run
) -> Iterator[TrialRun]:
    """Count one recipe on the test span in the trial ledger."""
    configuration = {
        "recipe": recipe.model_dump(mode="json"),
        "folds": asdict(folds),
        "seeds": seeds,
    }
    with open_trial(
        "walk-forward",
        f"walk-forward {recipe.name}",
        configuration,
        tested,
        parent=parent.run_id,
    ) as trial:
        yield trial


def _sealed(prices: Panel, seen: Panel) -> str:
    bars = len(prices.times) - len(seen.times)
    return (
        f"Sealed hold-out: {bars} bars from {day(prices.times[len(seen.times)])} to "
        f"{day(prices.times[-1])}, not looked at here."
    )
