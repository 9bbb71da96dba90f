"""One training is one MLflow run: parameters, data hash, commit, metrics, forecasts, the model."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from forecasting import __version__, paths
from forecasting.forecaster.model_folder import FILES
from forecasting.training.mlflow_store import EXPERIMENT, answering, choose_store, experiment_id

_PYFUNC = paths.PACKAGE / "serving" / "pyfunc_model.py"
_REQUIREMENTS = [
    "torch",
    "safetensors",
    "pandas",
    "numpy",
    "scipy",
    "pydantic",
    "pyyaml",
    "jaxtyping",
]


class Run:
    """An open MLflow run. Every method raises a `TrackingError` if the store does not answer."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log flat parameters in one call."""
        with answering() as mlflow:
            mlflow.log_params(dict(params))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log finite metrics in one call."""
        with answering() as mlflow:
            finite = {k: v for k, v in metrics.items() if v == v and abs(v) != float("inf")}
            mlflow.log_metrics(finite, step=step)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Upload one file."""
        with answering() as mlflow:
            mlflow.log_artifact(str(path), folder)

    def log_json(self, content: Mapping[str, Any], name: str) -> None:
        """Upload plain values as `<name>.json`."""
        with answering() as mlflow:
            mlflow.log_dict(dict(content), f"{name}.json")

    def log_figure(self, figure: Figure, name: str) -> None:
        """Upload a figure as `figures/<name>.png`."""
        with answering() as mlflow:
            mlflow.log_figure(figure, f"figures/{name}.png")

    def log_table(self, table: pd.DataFrame, name: str) -> None:
        """Upload a table as `<name>.parquet`."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.parquet"
            table.to_parquet(path, index=False, compression="zstd")
            self.log_file(path)

    def log_model(self, folder: Path) -> None:
        """Log a model folder as a pickle-free pyfunc (models-from-code and safetensors)."""
        with TemporaryDirectory() as staging, answering() as mlflow:
            staged = Path(staging) / folder.name
            staged.mkdir()
            for name in FILES:
                shutil.copy(folder / name, staged / name)
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(_PYFUNC),
                artifacts={"model_folder": str(staged)},
                pip_requirements=_REQUIREMENTS,
                signature=_signature(),
            )


@contextmanager
def open_run(name: str, run_id: str | None = None, *, parent: str | None = None) -> Iterator[Run]:
    """Open a new run, or an old one again if the store has it; FAILED if the block raises.

    Args:
        name: Name of a new run.
        run_id: Run to open again.
        parent: Run that a new one is shown below. It may be open, or not.

    Raises:
        TrackingError: The store cannot be reached, or does not have the parent.
    """
    with answering() as mlflow:
        choose_store(mlflow)
        mlflow.set_experiment(experiment_id=experiment_id(mlflow, EXPERIMENT))
        nested = parent is not None
        if run_id is not None and _has_run(mlflow, run_id):
            run = mlflow.start_run(run_id=run_id, nested=nested)
        else:
            run = mlflow.start_run(run_name=name, nested=nested, parent_run_id=parent)
    status = "FAILED"
    try:
        yield Run(run.info.run_id)
        status = "FINISHED"
    finally:
        with answering() as mlflow:
            mlflow.end_run(status)


def git_commit() -> str:
    """Commit of the checkout the code runs from, with `-dirty` if it has changes; else unknown."""
    command = ["git", "-C", str(paths.PACKAGE), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def provenance() -> dict[str, str]:
    """What code made a run: version and commit."""
    return {"version": __version__, "git_commit": git_commit()}


def _has_run(mlflow: Any, run_id: str) -> bool:
    try:
        return mlflow.get_run(run_id).info.lifecycle_stage == "active"
    except mlflow.exceptions.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    compulsory = [ColSpec("string", "ticker"), ColSpec("datetime", "time")]
    optional = ("open", "high", "low", "close", "volume")
    columns = [ColSpec("double", "adj_close")]
    columns += [ColSpec("double", name, required=False) for name in optional]
    return ModelSignature(inputs=Schema(compulsory + columns))
