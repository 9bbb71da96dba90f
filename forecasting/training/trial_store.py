"""Looks as MLflow runs: how the trial ledger writes them, and reads them again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecasting.training.mlflow_store import answering, choose_store, experiment_id, has_store
from forecasting.training.trials import FAR_FUTURE, FAR_PAST, Trial

TRIALS = "forecasting-trials"
"""Name of the experiment."""

_TICKERS = "tickers"
# MLflow cuts off, or refuses, tags that are longer.
_LONGEST_TAG = 4000
_PAGE = 50_000


def begin_run(name: str, tickers: Sequence[str], tags: Mapping[str, str]) -> str:
    """Begin the run of a look; whatever run is open in MLflow stays as it is.

    Returns:
        The run's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    with answering() as mlflow:
        choose_store(mlflow)
        tags = {**tags, **_pieces(tickers)}
        experiment = experiment_id(mlflow, TRIALS)
        run = mlflow.MlflowClient().create_run(experiment, tags=tags, run_name=name)
        return str(run.info.run_id)


def log_scores(run_id: str, scores: Mapping[str, float]) -> None:
    """Log finite scores to a look's run.

    Raises:
        TrackingError: The store cannot be reached.
    """
    with answering() as mlflow:
        entry = mlflow.entities.Metric
        metrics = [entry(k, float(v), 0, 0) for k, v in scores.items() if np.isfinite(v)]
        mlflow.MlflowClient().log_batch(run_id, metrics=metrics)


def end_run(run_id: str, status: str) -> None:
    """End a look's run.

    Raises:
        TrackingError: The store cannot be reached.
    """
    with answering() as mlflow:
        mlflow.MlflowClient().set_terminated(run_id, status)


def read_trials() -> Iterator[Trial]:
    """Every look in the store, the oldest first.

    Raises:
        TrackingError: The store cannot be reached.
    """
    if not has_store():
        return
    with answering() as mlflow:
        choose_store(mlflow)
        client, token = mlflow.MlflowClient(), None
        experiment = client.get_experiment_by_name(TRIALS)
        while experiment is not None:
            found = client.search_runs(
                [experiment.experiment_id],
                run_view_type=mlflow.entities.ViewType.ALL,
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            yield from map(_read, found)
            token = found.token
            if not token:
                return


def _read(run: Any) -> Trial:
    tags = run.data.tags
    pieces = sorted(int(key.partition(".")[2]) for key in tags if key.startswith(f"{_TICKERS}."))
    return Trial(
        run_id=run.info.run_id,
        when=pd.Timestamp(run.info.start_time, unit="ms").floor("s"),
        kind=tags.get("kind", ""),
        name=run.info.run_name,
        configuration=tags.get("configuration", ""),
        vintage=tags.get("vintage", ""),
        tickers=tuple("\n".join(tags[f"{_TICKERS}.{k}"] for k in pieces).split("\n")),
        first=tags.get("first", FAR_PAST),
        last=tags.get("last", FAR_FUTURE),
        status=run.info.status,
        scores=dict(run.data.metrics),
        deleted=run.info.lifecycle_stage == "deleted",
    )


def _pieces(tickers: Sequence[str]) -> dict[str, str]:
    """The tickers, a line each, as tags that are short enough."""
    pieces = [""]
    for ticker in sorted(tickers):
        if len(pieces[-1]) + len(ticker) >= _LONGEST_TAG:
            pieces.append("")
        pieces[-1] += f"{ticker}\n"
    return {f"{_TICKERS}.{k}": piece.strip() for k, piece in enumerate(pieces)}
