"""Runs of the MLflow store, found and read again."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from forecasting.errors import ModelFileError, TrackingError
from forecasting.forecaster.model_folder import WEIGHTS, find_model, read_folder
from forecasting.training.mlflow_store import EXPERIMENT, answering, choose_store, has_store

_ID = re.compile(r"[0-9a-f]{1,32}")
_SHOWN = 5


@dataclass(frozen=True)
class PastRun:
    """A run of the store.

    Attributes:
        run_id: Its id.
        name: Its name.
        status: `FINISHED`, `FAILED`, `RUNNING` or `KILLED`.
        began: Day on which it began, in UTC.
        params: What was logged as parameters.
    """

    run_id: str
    name: str
    status: str
    began: str
    params: dict[str, str]

    @property
    def label(self) -> str:
        """The run in a few words."""
        return f"{self.run_id[:8]} ({self.name}, {self.began})"

    def files(self) -> set[str]:
        """Names of the files at the top of its artifacts."""
        with answering() as mlflow:
            choose_store(mlflow)
            found = mlflow.artifacts.list_artifacts(run_id=self.run_id)
            return {file.path for file in found}

    def read_json(self, name: str) -> Any:
        """What `Run.log_json` logged.

        Raises:
            TrackingError: The store does not have it, or it is damaged.
        """
        with TemporaryDirectory() as place:
            path = self._download(f"{name}.json", Path(place))
            try:
                return json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise self.damaged(path.name) from error

    def read_table(self, name: str) -> pd.DataFrame:
        """What `Run.log_table` logged.

        Raises:
            TrackingError: The store does not have it, or it is damaged.
        """
        with TemporaryDirectory() as place:
            path = self._download(f"{name}.parquet", Path(place))
            try:
                return pd.read_parquet(path)
            except (OSError, ValueError) as error:
                raise self.damaged(path.name) from error

    def fetch_model(self, place: Path) -> Path:
        """Copy the model that the run logged below `place`; returns its folder.

        Raises:
            TrackingError: The store does not have it.
        """
        path = self._download("model", place)
        folders = [weights.parent for weights in path.glob(f"artifacts/*/{WEIGHTS}")]
        if len(folders) != 1:
            raise self.damaged("model")
        return folders[0]

    def damaged(self, file: str) -> TrackingError:
        """What to tell of a file that is not the one that was logged."""
        return TrackingError(
            f"{file} of run {self.label} is damaged: expected the file that the run logged. "
            "Restore the store, or choose another run."
        )

    def _download(self, name: str, place: Path) -> Path:
        with answering() as mlflow:
            choose_store(mlflow)
            uri = f"runs:/{self.run_id}/{name}"
            return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(place)))


def find_run(name: str) -> PastRun:
    """The run with this id, or whose id begins like this; or the run that made a model.

    Args:
        name: Run id or the beginning of one; else a model folder, or a name under `models/` or
            `runs/`.

    Raises:
        ModelFileError: The model is damaged.
        TrackingError: There is no such run, there are several, or the store cannot be reached.
    """
    found = _search(f"attributes.run_id LIKE '{name}%'") if _ID.fullmatch(name) else []
    if not found and (maker := known_run(_run_of_model(name))):
        return maker
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(run.label for run in found[:_SHOWN])
        raise TrackingError(f"several runs begin with {name!r}: {listed}. Give more of the id.")
    latest = ", ".join(run.label for run in _search("attributes.status = 'FINISHED'")[:_SHOWN])
    known = f"the latest are {latest}." if latest else "it has none. Make one by training."
    raise TrackingError(
        f"no run {name[:80]!r} in the MLflow store: expected a run id, its first characters or a "
        f"model that was trained here; {known}"
    )


def known_run(run_id: str) -> PastRun | None:
    """The run with this id, None if the store does not have it.

    Raises:
        TrackingError: The store cannot be reached.
    """
    found = _search(f"attributes.run_id = '{run_id}'") if _ID.fullmatch(run_id) else []
    return found[0] if found else None


def runs_below(run: PastRun) -> list[PastRun]:
    """The runs that are shown below another one, the latest first.

    Raises:
        TrackingError: The store cannot be reached.
    """
    return _search(f"tags.`mlflow.parentRunId` = '{run.run_id}'")


def _run_of_model(name: str) -> str:
    """Id of the run that a model's folder names; empty if there is no such model."""
    try:
        folder = find_model(name)
    except ModelFileError:
        return ""
    return str(read_folder(folder).metrics.get("mlflow_run_id", ""))


def _search(wanted: str) -> list[PastRun]:
    """Runs that are not deleted, the latest first."""
    if not has_store():
        return []
    with answering() as mlflow:
        choose_store(mlflow)
        client = mlflow.MlflowClient()
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return []
        found = client.search_runs(
            [experiment.experiment_id], wanted, order_by=["attributes.start_time DESC"]
        )
        return [_read(run) for run in found]


def _read(run: Any) -> PastRun:
    began = pd.Timestamp(run.info.start_time, unit="ms").date()
    return PastRun(
        run_id=run.info.run_id,
        name=run.info.run_name,
        status=run.info.status,
        began=str(began),
        params=dict(run.data.params),
    )
