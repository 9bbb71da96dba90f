"""A comparison in MLflow: one run, with those of its trainings below it."""

from collections.abc import Mapping, Sequence

from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.training.tracking import Run, open_run
from forecasting.workflow.comparison import Comparison


def log_comparison(
    run: Run, made: Comparison, models: Mapping[str, Sequence[NetworkForecaster]]
) -> None:
    """Log the table to the comparison's run, and to each training's run what it scored.

    Raises:
        TrackingError: The store cannot be reached.
    """
    for recipe, trained in models.items():
        of_recipe = made.by_seed[made.by_seed["recipe"] == recipe]
        for seed, model in zip(made.seeds, trained, strict=True):
            known = model.files.metrics.get("mlflow_run_id")
            with open_run(recipe, known, parent=run.run_id) as child:
                for row in of_recipe[of_recipe["seed"] == seed].to_dict(orient="records"):
                    scores = {"nll": row["nll"], "gain_over_EWMA-t": row["gain"]}
                    child.log_metrics({f"test_{k}_h{row['horizon']}": v for k, v in scores.items()})
    for row in made.gains.to_dict(orient="records"):
        scores = {
            "nll": row["nll"],
            "gain_over_EWMA-t": row["gain"],
            f"gain_over_{made.recipes[0]}": row["reference_gain"],
        }
        run.log_metrics(
            {f"{row['forecaster']}_{k}_h{row['horizon']}": v for k, v in scores.items()}
        )
    run.log_table(made.table(), "comparison")
    run.log_table(made.overall, "overall")
    run.log_table(made.ensembles, "ensembles")
