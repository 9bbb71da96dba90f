"""The MLflow store: an embedded SQLite file below `runs/`, or what `MLFLOW_TRACKING_URI` names."""

import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import filelock

from forecasting import paths
from forecasting.errors import TrackingError

EXPERIMENT = "forecasting"
"""Name of the experiment that has the models' runs."""

_SQLITE = "sqlite:///"
_LONGEST_MIGRATION_S = 120


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI` if set, else the embedded store."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{paths.runs() / 'mlflow.db'}"


def has_store() -> bool:
    """Whether the embedded store has been made; a server is taken to be there."""
    uri = tracking_uri()
    return not uri.startswith(_SQLITE) or _database(uri).is_file()


@contextmanager
def answering() -> Iterator[Any]:
    """Hand out the mlflow module; turn its failures into one line."""
    _configure()
    with warnings.catch_warnings():
        # They are about MLflow's own insides, or advise an input example; nobody here can act.
        warnings.simplefilter("ignore")
        import mlflow

        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        from sqlalchemy.exc import SQLAlchemyError

        failures = (mlflow.exceptions.MlflowException, SQLAlchemyError, sqlite3.Error)
        try:
            yield mlflow
        except (*failures, OSError, ImportError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise TrackingError(
                _redacted(f"the MLflow store {tracking_uri()} did not answer ({reason}): expected ")
                + "a reachable store. Check MLFLOW_TRACKING_URI, or unset it for the embedded one."
            ) from error


def _configure() -> None:
    """Settings that MLflow reads from the environment; what the user has set stays."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


def choose_store(mlflow: Any) -> None:
    """Point MLflow at the store, and leave the environment as it was.

    MLflow would write the address there, where it would outlive a change of `FORECASTING_HOME`.
    """
    given, uri = os.environ.get("MLFLOW_TRACKING_URI"), tracking_uri()
    if uri.startswith(_SQLITE):
        _make_database(mlflow, uri)
    mlflow.set_tracking_uri(uri)
    if given is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)


def _make_database(mlflow: Any, uri: str) -> None:
    """Make the tables if there are none; of several processes the first one does it.

    MLflow's migrations fail where another process is at them too, and a file that cannot be opened
    it tries again and again, for minutes.
    """
    path = _database(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=_LONGEST_MIGRATION_S):
        with closing(sqlite3.connect(path)) as database:
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            mlflow.MlflowClient(uri).search_experiments(max_results=1)


def _database(uri: str) -> Path:
    """The file of an SQLite address."""
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def experiment_id(mlflow: Any, name: str) -> str:
    """Id of an experiment, made if need be; the embedded store keeps its artifacts beside it."""
    found = mlflow.get_experiment_by_name(name)
    if found is None:
        embedded = tracking_uri().startswith(_SQLITE)
        location = (paths.runs() / "mlartifacts").as_uri() if embedded else None
        try:
            return str(mlflow.create_experiment(name, artifact_location=location))
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = mlflow.get_experiment_by_name(name)  # another process was faster
    return str(found.experiment_id)


def _redacted(text: str) -> str:
    """A text without the user name and password of the addresses in it."""
    return re.sub(r"//[^/\s@]*@", "//", text)
