"""Looks as MLflow runs: how the trial ledger writes them, and reads them again."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecasting.training.mlflow_store import answering, choose_store, experiment_id, has_store
from forecasting.training.trials import FAR_FUTURE, FAR_PAST, Trial

TRIALS = "forecasting-trials"
"""Name of the experiment."""

# Tags that go on over several pieces, a line each value.
_TICKERS, _CONFIGURATIONS, _SHARPES = "tickers", "configurations", "sharpes"
# MLflow cuts off, or refuses, tags that are longer, and more of them at once.
_LONGEST_TAG, _MOST_TAGS = 4000, 100
_PAGE = 50_000


def begin_run(
    name: str, tickers: Sequence[str], configurations: Sequence[str], tags: Mapping[str, str]
) -> str:
    """Begin the run of a look; whatever run is open in MLflow stays as it is.

    A sweep is one run, its configurations are in tags: a run each would take 16 ms each, and tags
    are read with their run, whereas the values of a metric, or a file, take a request of their own.

    Args:
        name: What is scored, in words.
        tickers: Those that are scored.
        configurations: Hashes of what is scored; several for a sweep.
        tags: All else.

    Returns:
        The run's id.

    Raises:
        TrackingError: The store cannot be reached.
    """
    with answering() as mlflow:
        choose_store(mlflow)
        tags = {**tags, **_pieces(_TICKERS, sorted(tickers))}
        if len(configurations) > 1:
            tags |= _pieces(_CONFIGURATIONS, configurations)
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


def log_sharpes(run_id: str, sharpes: Sequence[float]) -> None:
    """Log the annual Sharpe ratios of a sweep, in the order of its configurations; NaN for none.

    Raises:
        TrackingError: The store cannot be reached.
    """
    with answering() as mlflow:
        pieces = _pieces(_SHARPES, [repr(float(value)) for value in sharpes])
        tags = [mlflow.entities.RunTag(key, text) for key, text in pieces.items()]
        for k in range(0, len(tags), _MOST_TAGS):
            mlflow.MlflowClient().log_batch(run_id, tags=tags[k : k + _MOST_TAGS])


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
    configurations = _lines(tags, _CONFIGURATIONS)
    sharpes = [float(text) for text in _lines(tags, _SHARPES)]
    # A sweep that was cut off while it wrote has none rather than some.
    if len(sharpes) != len(configurations):
        sharpes = [math.nan] * len(configurations)
    return Trial(
        run_id=run.info.run_id,
        when=pd.Timestamp(run.info.start_time, unit="ms").floor("s"),
        kind=tags.get("kind", ""),
        name=run.info.run_name,
        configuration=tags.get("configuration", ""),
        vintage=tags.get("vintage", ""),
        tickers=_lines(tags, _TICKERS),
        first=tags.get("first", FAR_PAST),
        last=tags.get("last", FAR_FUTURE),
        status=run.info.status,
        scores=dict(run.data.metrics),
        deleted=run.info.lifecycle_stage == "deleted",
        sweep=dict(zip(configurations, sharpes, strict=True)),
    )


def _pieces(name: str, lines: Sequence[str]) -> dict[str, str]:
    """Lines as tags that are short enough."""
    pieces: list[list[str]] = [[]]
    length = 0
    for line in lines:
        if length + len(line) >= _LONGEST_TAG:
            pieces.append([])
            length = 0
        pieces[-1].append(line)
        length += len(line) + 1
    return {f"{name}.{k}": "\n".join(piece) for k, piece in enumerate(pieces)}


def _lines(tags: Mapping[str, str], name: str) -> tuple[str, ...]:
    """What `_pieces` has cut up; empty where there is nothing."""
    places = sorted(int(key.partition(".")[2]) for key in tags if key.startswith(f"{name}."))
    return tuple("\n".join(tags[f"{name}.{k}"] for k in places).split("\n")) if places else ()
