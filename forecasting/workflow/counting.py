"""Judging a model is a look at its bars: counted in the ledger, openings in its folder too."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from forecasting.backtest.book import Backtest
from forecasting.errors import ConfigError
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecaster.model_folder import weights_hash
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.forecaster.openings import begin_opening, end_opening
from forecasting.market.panel import day
from forecasting.training.trial_ledger import HOLDOUT_OPENING, TrialRun, open_trial
from forecasting.training.trials import FAILED
from forecasting.workflow.evaluated_card import write_openings
from forecasting.workflow.judged_span import OPTION, JudgedSpan
from forecasting.workflow.trading import Terms

TRADING = ("backtest", "sweep")
"""Kinds of looks that trade whatever they look at."""


class Look:
    """One command's look at a span.

    Attributes:
        trial: Its entry in the ledger.
        headline: What the user sees, in a line; kept with the opening of a hold-out.
    """

    def __init__(self, trial: TrialRun) -> None:
        self.trial = trial
        self.headline = ""


@contextmanager
def look(
    verb: str,
    model: NetworkForecaster,
    span: JudgedSpan,
    *,
    tickers: Sequence[str] | None,
    track: bool,
    terms: Terms | None = None,
) -> Iterator[Look]:
    """Count a verb before it scores; where it opens the hold-out, write that down as well.

    Args:
        verb: `evaluate`, `backtest` or `report`.
        model: What is judged.
        span: The bars.
        tickers: Those that are scored; all by default.
        track: Whether to count it.
        terms: The strategy of a backtest.

    Raises:
        ConfigError: A hold-out is to be opened uncounted.
        ModelFileError: An opening cannot be written down.
        TrackingError: An opening cannot be counted.
    """
    if span.opened and not track:
        raise ConfigError(f"{OPTION} is always logged: expected no --no-track. Leave it out.")
    with count(verb, model, span, tickers=tickers, track=track, terms=terms) as trial:
        made = Look(trial)
        if not span.opened or model.folder is None:
            yield made
            return
        trial.require_counted()
        opening = begin_opening(model.folder, verb, day(span.start), day(span.end))
        write_openings(model)
        yield made
        end_opening(model.folder, opening, made.headline)
        write_openings(model)


@contextmanager
def count(
    verb: str,
    model: NetworkForecaster,
    span: JudgedSpan,
    *,
    tickers: Sequence[str] | None,
    track: bool,
    terms: Terms | None = None,
) -> Iterator[TrialRun]:
    """Count one configuration in the trial ledger; as `look`, without the opening."""
    with open_trial(
        HOLDOUT_OPENING if span.opened else verb,
        f"{verb} {model.name}" + (f" {terms.name}" if terms else ""),
        identity(model) | (terms.configuration() if terms else {}),
        span.prices,
        span.start,
        tickers=tickers,
        parent=model.files.metrics.get("mlflow_run_id"),
        counted=track,
    ) as trial:
        yield trial


@contextmanager
def look_beside(
    verb: str,
    against: NetworkForecaster | None,
    span: JudgedSpan,
    *,
    tickers: Sequence[str] | None,
    track: bool,
) -> Iterator[None]:
    """Count the model that another is judged against: its scores on the span are seen as well."""
    if against is None:
        yield
        return
    with count(verb, against, span, tickers=tickers, track=track):
        yield


def identity(model: NetworkForecaster) -> dict[str, Any]:
    """What the ledger knows a model by: its recipe and a hash of its weights."""
    return {
        "recipe": model.files.recipe.model_dump(mode="json"),
        "weights": weights_hash(model.network.state_dict()),
    }


def trial_sharpes(trial: TrialRun) -> list[float] | None:
    """Annual Sharpe ratios of the other configurations that were tried on a look's bars.

    One that was traded and has none, cut off or never in the market, is NaN: it counts all the
    same. One that failed was never traded. None where the looks were not counted: nobody knows then
    how many there were.
    """
    if trial.others is None:
        return None
    # Other tickers or another first day are another trial: whoever chooses among them finds luck
    # there, too. The same look as its bars grow in number is one.
    latest: dict[tuple[Any, ...], float] = {}
    for entry in trial.others.entries:
        place = (entry.tickers, entry.first)
        for name, value in entry.sharpes.items():
            if value == value:
                latest[name, place] = value
            elif entry.kind in TRADING and entry.status != FAILED:
                latest.setdefault((name, place), math.nan)
    own = {(name, trial.place) for name in trial.configurations}
    return [value for key, value in latest.items() if key not in own]


def evaluation_scores(made: Evaluation) -> dict[str, float]:
    """What the ledger keeps of an evaluation: NLL and gain over EWMA-t, one a horizon."""
    own = made.scores[made.scores["forecaster"] == made.model].to_dict("records")
    gains = made.verdicts[made.verdicts["rival"] == "EWMA-t"].to_dict("records")
    scores = {f"nll_h{row['horizon']}": float(row["nll"]) for row in own}
    return scores | {f"gain_h{row['horizon']}": float(row["gain"]) for row in gains}


def backtest_scores(made: Backtest) -> dict[str, float]:
    """What the ledger keeps of a backtest: a year's Sharpe ratio and what it is made of."""
    own = made.stats.loc[made.strategy].to_dict()
    scores = {name: float(own[name]) for name in ("sharpe", "cagr", "max_drawdown")}
    return scores | {"bars": float(len(made.returns)), "bars_per_year": float(made.bars_per_year)}


def backtest_headline(books: Sequence[Backtest]) -> str:
    """Sharpe ratios in a line."""
    each = [
        f"{book.strategy} Sharpe {book.stats.loc[book.strategy]['sharpe']:.2f}" for book in books
    ]
    return f"{', '.join(each)}."
