"""What was found out about a model later, added to the MLflow run that trained it."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.training.tracking import open_run


def track_results(
    model: NetworkForecaster,
    metrics: Mapping[str, float],
    *,
    figures: Mapping[str, Figure] | None = None,
    forecast: Forecast | None = None,
    files: tuple[Path, ...] = (),
) -> str:
    """Add test metrics, figures, forecasts and files to a model's run, or to a new one.

    A model that came from another machine names a run that this store does not have; its results
    then go to a run of their own.

    Args:
        model: The model the results are of.
        metrics: Names to numbers; what is not finite is left out.
        figures: Names to figures, stored as `figures/<name>.png`.
        forecast: Stored as `test_forecasts.parquet`.
        files: Stored under their own names.

    Returns:
        The run's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    with open_run(model.name, model.files.metrics.get("mlflow_run_id")) as run:
        run.log_metrics(metrics)
        for name, figure in (figures or {}).items():
            run.log_figure(figure, name)
        if forecast is not None:
            run.log_table(forecast.to_frame(), "test_forecasts")
        for file in files:
            run.log_file(file)
        return run.run_id
