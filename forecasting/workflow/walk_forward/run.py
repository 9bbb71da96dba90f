"""A walk-forward in MLflow: one run, with one below it for every fold and seed that is trained.

All are made by the process that was asked for the walk-forward; workers know nothing of the store.
"""

from dataclasses import asdict
from pathlib import Path

from forecasting.market.panel import Panel, day
from forecasting.training.tracking import Run, open_run
from forecasting.workflow.walk_forward.files import read_result, seconds
from forecasting.workflow.walk_forward.outcome import WalkForward
from forecasting.workflow.walk_forward.task import FoldTask


def log_task(
    parent: Run, task: FoldTask, prices: Panel, out: Path, error: Exception | None
) -> None:
    """Log one training below the walk-forward's run; FAILED, and the error raised, if it failed.

    Raises:
        TrackingError: The store cannot be reached.
        Exception: `error`.
    """
    if task.baseline:
        if error is not None:
            raise error
        return
    with open_run(f"{task.name}, fold {task.fold.index}", parent=parent.run_id) as run:
        fold, dates = task.fold, task.fold.dates(prices.times)
        run.log_params(
            {
                "recipe": task.recipe.name,
                "seed": task.recipe.training.seed,
                "fold": fold.index,
                "train_start": day(prices.times[fold.train_start]),
                "validation_start": day(dates.validation_start),
                "test_start": day(dates.test_start),
                "test_end": day(prices.times[fold.test_end - 1]),
            }
        )
        if error is not None:
            raise error
        result = read_result(task, prices, out)
        assert result is not None
        rows = {f"{k}_rows": getattr(result.audit, f"{k}_rows") for k in ("train", "validation")}
        run.log_metrics({**result.numbers, **rows, "seconds": seconds(task, out)})


def log_walk_forward(run: Run, made: WalkForward, prices: Panel) -> None:
    """Log settings, proof, gains and tables to the walk-forward's run.

    Raises:
        TrackingError: The store cannot be reached.
    """
    # No parameters: they could not change when the run is resumed with a longer history.
    run.log_json(
        {
            "recipes": made.recipes,
            "seeds": made.seeds,
            "source": prices.source,
            "vintage": prices.vintage,
            "folds": asdict(made.settings),
            "proof": [asdict(audit) for audit in made.proof],
            "notes": made.notes,
        },
        "walk_forward",
    )
    for row in made.gains.to_dict(orient="records"):
        scores = {"nll": row["nll"], "gain_over_EWMA-t": row["gain"]}
        run.log_metrics(
            {f"{row['forecaster']}_{key}_h{row['horizon']}": v for key, v in scores.items()}
        )
    for name in ("gains", "by_seed", "ensembles", "overall", "folds", "by_fold", "trainings"):
        run.log_table(getattr(made, name), name)
