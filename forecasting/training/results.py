"""What was found out about a model later, added to the MLflow run that trained it."""

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.training.mlflow_store import answering
from forecasting.training.tracking import open_run

CURVE_POINTS = 200
"""Points of a curve that MLflow draws; the whole of it is in a CSV file."""
_LONGEST_PARAMETER, _LONGEST_TAG = 500, 5000


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


def track_below(
    parent: str | None,
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    *,
    tags: Mapping[str, str] | None = None,
    curves: Mapping[str, pd.Series] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    figures: Mapping[str, Figure] | None = None,
    files: tuple[Path, ...] = (),
) -> str:
    """Write one result as a run of its own, shown below the run that it belongs to.

    Args:
        parent: The run above; None for none.
        name: Of the new run.
        params: Plain values; texts that are too long for MLflow are cut off.
        metrics: Names to numbers; what is not finite is left out.
        tags: Verdicts and the like, in words.
        curves: Names to numbers indexed by time, drawn by MLflow over their places; at most
            `CURVE_POINTS` evenly chosen ones, the first and the last among them.
        tables: Names to tables, stored as `<name>.csv`, index included.
        figures: Names to figures, stored as `figures/<name>.png`.
        files: Stored under their own names.

    Returns:
        The run's id.

    Raises:
        TrackingError: The store cannot be reached, or does not have the parent.
    """
    with open_run(name, parent=parent) as run:
        run.log_params({key: str(value)[:_LONGEST_PARAMETER] for key, value in params.items()})
        run.log_metrics(metrics)
        with answering() as mlflow:
            mlflow.set_tags({key: text[:_LONGEST_TAG] for key, text in (tags or {}).items()})
        for key, curve in (curves or {}).items():
            _log_curve(run.run_id, key, curve)
        with TemporaryDirectory() as folder:
            for key, table in (tables or {}).items():
                path = Path(folder) / f"{key}.csv"
                table.to_csv(path)
                run.log_file(path)
        for key, figure in (figures or {}).items():
            run.log_figure(figure, key)
        for file in files:
            run.log_file(file)
        return run.run_id


def _log_curve(run_id: str, name: str, curve: pd.Series) -> None:
    """A curve as the history of a metric: its step is the place, its time the row's."""
    places = np.unique(np.linspace(0, len(curve) - 1, min(CURVE_POINTS, len(curve))).astype(int))
    stamps = pd.DatetimeIndex(curve.index).as_unit("ms").asi8[places]
    values = curve.to_numpy(dtype=float)[places]
    with answering() as mlflow:
        points = [
            mlflow.entities.Metric(name, float(value), int(stamp), int(place))
            for place, stamp, value in zip(places, stamps, values, strict=True)
            if math.isfinite(value)
        ]
        mlflow.MlflowClient().log_batch(run_id, metrics=points)
