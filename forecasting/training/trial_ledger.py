"""The trial ledger: whatever scores a configuration on a test span is counted in the MLflow store.

A look is an MLflow run of an experiment of its own. It begins before the scoring, so that one that
fails, is pruned, interrupted or killed counts too; one that is deleted in MLflow goes on counting.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from forecasting.errors import TrackingError
from forecasting.market.panel import Panel, day
from forecasting.market.span import check_span
from forecasting.training.trial_store import (
    begin_run,
    end_run,
    log_scores,
    log_sharpes,
    read_trials,
)
from forecasting.training.trials import (
    FAILED,
    FAR_FUTURE,
    FAR_PAST,
    FINISHED,
    KILLED,
    LEDGER,
    Trials,
)

HOLDOUT_OPENING = "holdout opening"
"""Kind of a look into a sealed hold-out."""


class TrialRun:
    """A look that is under way.

    Attributes:
        configurations: Hashes of what looks; several for a sweep.
        run_id: MLflow run; None if it is not counted.
        others: The other looks at its bars, before it and beside it; None if it is not counted.
        place: Tickers and first day that it looks at; None if it is not counted.
        error: Why the store could not be asked, if it could not: the scoring goes on all the same.
    """

    def __init__(self, configurations: Sequence[str]) -> None:
        self.configurations = tuple(configurations)
        self.run_id: str | None = None
        self.others: Trials | None = None
        self.place: tuple[tuple[str, ...], str] | None = None
        self.error: TrackingError | None = None

    def log_scores(self, scores: Mapping[str, float]) -> None:
        """Log finite scores; `sharpe` (a year's) is what the deflated Sharpe ratio asks for."""
        self._log(log_scores, scores)

    def log_sharpes(self, sharpes: Sequence[float]) -> None:
        """Log the annual Sharpe ratios of a sweep, one a configuration, NaN for none.

        Raises:
            ValueError: There are more or fewer than configurations.
        """
        if len(sharpes) != len(self.configurations):
            raise ValueError(f"{len(sharpes)} of {len(self.configurations)} Sharpe ratios")
        self._log(log_sharpes, sharpes)

    def _log(self, write: Callable[[str, Any], None], values: Any) -> None:
        if self.run_id is None or self.error is not None:
            return
        try:
            write(self.run_id, values)
        except TrackingError as error:
            self.error = error

    def require_counted(self) -> None:
        """Refuse to go on with a look that the ledger does not have.

        Raises:
            TrackingError: The store did not answer.
        """
        if self.error is not None:
            raise self.error

    def sentence(self) -> str:
        """What a reader of the scores has to know of the other looks at these bars."""
        if self.error is not None:
            return f"{LEDGER} not counted, the MLflow store did not answer."
        if self.others is None:
            return f"{LEDGER} not counted (--no-track)."
        return self.others.sentence_with(*self.configurations)


@contextmanager
def open_trial(
    kind: str,
    name: str,
    configuration: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    prices: Panel,
    start: np.datetime64 | str | None = None,
    end: np.datetime64 | str | None = None,
    *,
    tickers: Sequence[str] | None = None,
    parent: str | None = None,
    counted: bool = True,
) -> Iterator[TrialRun]:
    """Count a look at the bars from `start` to `end`; put the scoring inside the block.

    A store that does not answer stops nothing: results are worth more than their number. The look
    then says so in its sentence and keeps the error.

    Args:
        kind: What looks, such as `evaluate`.
        name: What is scored, in words.
        configuration: All that decides the result, the prices aside: recipe, hash of the weights,
            strategy, parameters, costs. JSON types; equal content is one configuration. A list is
            a sweep: each counts as if it had looked alone.
        prices: The prices that are scored.
        start: First bar that is scored; the first of the prices by default.
        end: Last one; the last of the prices by default.
        tickers: Tickers that are scored; all by default.
        parent: MLflow run that this look belongs to.
        counted: False for a look that the user asked not to count.

    Yields:
        The look: log its scores, print its sentence.
    """
    many = [configuration] if isinstance(configuration, Mapping) else configuration
    run = TrialRun([_digest(each) for each in many])
    if counted:
        whole = run.configurations[0] if len(many) == 1 else _digest(run.configurations)
        tags = {"kind": kind, "configuration": whole, "vintage": prices.vintage}
        tags["first"], tags["last"] = span = _span(prices, start, end)
        scored = tuple(tickers or prices.tickers)
        run.place = (scored, span[0])
        tags |= {"mlflow.parentRunId": parent} if parent else {}
        try:
            run.run_id = begin_run(name, scored, run.configurations, tags)
            found = trials(scored, *span).entries
            run.others = Trials(tuple(each for each in found if each.run_id != run.run_id))
        except TrackingError as error:
            run.error = error
    status = FAILED
    try:
        yield run
        status = FINISHED
    except KeyboardInterrupt:
        status = KILLED
        raise
    finally:
        _end(run, status)


def trials(
    prices: Panel | Sequence[str] | None = None,
    start: np.datetime64 | str | None = None,
    end: np.datetime64 | str | None = None,
) -> Trials:
    """The looks at any bar of these tickers from the day `start` to the day `end`.

    Args:
        prices: Panel, or tickers; None for all tickers.
        start: First day; by default the first of the panel, else of all.
        end: Last day; by default the last of the panel, else of all.

    Raises:
        DataError: A date is none, or they are out of order.
        TrackingError: The store cannot be reached.
    """
    if isinstance(prices, Panel):
        wanted: set[str] | None = set(prices.tickers)
        first, last = _span(prices, start, end)
    else:
        wanted = None if prices is None else set(prices)
        first = FAR_PAST if start is None else _day(start)
        last = FAR_FUTURE if end is None else _day(end)
    check_span(first, last)
    return Trials(
        tuple(
            trial
            for trial in read_trials()
            if trial.first <= last
            and trial.last >= first
            and (wanted is None or not wanted.isdisjoint(trial.tickers))
        )
    )


def _end(run: TrialRun, status: str) -> None:
    """End a run; an error of the scoring is not to be hidden by one of the store."""
    if run.run_id is None or run.error is not None:
        return
    try:
        end_run(run.run_id, status)
    except TrackingError as error:
        run.error = error


def _span(
    prices: Panel, start: np.datetime64 | str | None, end: np.datetime64 | str | None
) -> tuple[str, str]:
    """First and last day that are looked at."""
    first = day(prices.times[0]) if start is None else _day(start)
    return first, day(prices.times[-1]) if end is None else _day(end)


def _day(date: np.datetime64 | str) -> str:
    if isinstance(date, str):
        check_span(date, None)
        return date[:10]
    return day(date)


def _digest(content: Mapping[str, Any] | Sequence[str]) -> str:
    """SHA-256 of a configuration as JSON, whatever the order of its keys."""
    plain = dict(content) if isinstance(content, Mapping) else list(content)
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
