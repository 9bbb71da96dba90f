"""The verbs that judge a model: evaluate and report; `backtest` stands in `backtesting`.

Each starts, unless told otherwise, on the first bar that the model has not seen, and says so loudly
when it is told otherwise. None looks at the sealed hold-out unless it is told to open it, and every
look is counted in the trial ledger.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from forecasting.backtest.costs import Costs
from forecasting.evaluation.evaluate import evaluate as evaluate_forecaster
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.forecaster import Forecaster
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.forecaster.shipped import is_shipped
from forecasting.market.panel import Panel
from forecasting.report import captions
from forecasting.report.report import Report
from forecasting.workflow.counting import (
    backtest_headline,
    backtest_scores,
    count,
    evaluation_scores,
    look,
    look_beside,
    trial_sharpes,
)
from forecasting.workflow.judged_span import JudgedSpan, judged_span
from forecasting.workflow.opponent import Opponent, oppose
from forecasting.workflow.places import require_writable
from forecasting.workflow.trading import Terms

REPORTED_STRATEGIES = ("long_short", "long_only", "volatility_target")

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Answered:
    """A `Forecaster` that has answered already, so that nobody has to ask it again.

    Attributes:
        name: Who answered.
        horizons: Bars ahead.
        answer: Its forecast of the prices that it will be asked about.
    """

    name: str
    horizons: tuple[int, ...]
    answer: Forecast

    def forecast(self, prices: Panel) -> Forecast:
        """The answer; whoever asks checks that it is of the bars of `prices`."""
        return self.answer


def twin_of(model: NetworkForecaster) -> NetworkForecaster | None:
    """The GRU twin that was trained with a model, None if there is none."""
    twin = model.folder / "twin" if model.folder else None
    return load_forecaster(twin) if twin and twin.is_dir() else None


def evaluate(
    model: NetworkForecaster,
    prices: Panel,
    *,
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    open_holdout: bool = False,
    against: NetworkForecaster | None = None,
    track: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a model beside the baselines and its twin, from its first unseen bar on.

    Args:
        model: A trained model.
        prices: With bars before `start`, on which the baselines are fitted.
        tickers: Score only these; the others still are their market.
        start: First origin; the model's first out-of-sample bar by default.
        end: Last bar.
        open_holdout: Score the sealed hold-out, all of it and nothing else; logged for ever after.
        against: Another trained model to judge it against, on bars that neither has seen; a look
            of its own in the ledger.
        track: Count the look in the trial ledger. The result comes even if the store does not
            answer; its notes then say so.
        progress: Called with a few words before each step that takes time.

    Raises:
        ConfigError: There is no hold-out to open, or it would not be logged.
        DataError: Too few bars before `start`, or none from it on, or `against` has seen some.
    """
    span = judged_span(model, prices, start=start, end=end, open_holdout=open_holdout)
    opponent = None if against is None else oppose(model, against, span, tickers)
    say = progress or _say_nothing
    with (
        look("evaluate", model, span, tickers=tickers, track=track) as opened,
        look_beside("evaluate", against, span, tickers=tickers, track=track),
    ):
        say(f"forecasts of {model.name}")
        forecast = model.forecast(span.prices)
        said = (*span.notes, opened.trial.sentence())
        made = _evaluate(model, span, forecast, said, opponent, tickers=tickers, progress=say)
        opened.trial.log_scores(evaluation_scores(made))
        opened.headline = captions.summary(made)
    return made


def report(
    model: NetworkForecaster,
    prices: Panel,
    out: str | Path,
    *,
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    strategies: Sequence[str] = REPORTED_STRATEGIES,
    cost_bps: float | int = Costs.commission_bps,
    slippage_bps: float | int = Costs.slippage_bps,
    in_sample: bool = False,
    open_holdout: bool = False,
    against: NetworkForecaster | None = None,
    track: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Evaluate, backtest, and write one self-contained HTML file.

    Args:
        model: A trained model.
        prices: As for `evaluate`.
        out: HTML file to write.
        tickers: Score and trade only these.
        start: First day; the model's first out-of-sample bar by default.
        end: Last day.
        strategies: Names or Python files, each with its default parameters.
        cost_bps: Commission, bps of traded notional.
        slippage_bps: Half the spread, bps of traded notional.
        in_sample: Judge and trade a span that begins on bars which the model has seen, and say so.
        open_holdout: As for `evaluate`; one opening, whatever the number of strategies.
        against: As for `evaluate`; it is not traded.
        track: As for `evaluate`; each strategy is a look of its own.
        progress: Called with a few words before each step that takes time.

    Raises:
        ConfigError: A strategy is not valid; hold-out as for `evaluate`.
        DataError: As `evaluate` and `backtest`, or `out` cannot be written.
    """
    span = judged_span(
        model, prices, start=start, end=end, open_holdout=open_holdout, in_sample=in_sample
    )
    opponent = None if against is None else oppose(model, against, span, tickers)
    require_writable(Path(out), "report")
    terms_of_each = [Terms(strategy, Costs(cost_bps, slippage_bps)) for strategy in strategies]
    for terms in terms_of_each:
        terms.require_known()
    say = progress or _say_nothing
    with (
        look("report", model, span, tickers=tickers, track=track) as opened,
        look_beside("report", against, span, tickers=tickers, track=track),
    ):
        say(f"forecasts of {model.name}")
        forecast = model.forecast(span.prices)
        said = (*span.notes, opened.trial.sentence())
        evaluation = _evaluate(model, span, forecast, said, opponent, tickers=tickers, progress=say)
        opened.trial.log_scores(evaluation_scores(evaluation))
        books = []
        for terms in terms_of_each:
            say(f"backtest {terms.name}")
            with count("report", model, span, tickers=tickers, track=track, terms=terms) as trial:
                book = terms.trade(
                    forecast,
                    span,
                    tickers=tickers,
                    end=end,
                    trial_sharpes=trial_sharpes(trial),
                    notes=(span.audit, *said),
                )
                trial.log_scores(backtest_scores(book))
            books.append(book)
        opened.headline = f"{captions.summary(evaluation)} {backtest_headline(books)}"
    say("report")
    made = Report(model, span.prices, forecast, evaluation, tuple(books))
    made.write(Path(out))
    return made


def _evaluate(
    model: NetworkForecaster,
    span: JudgedSpan,
    forecast: Forecast,
    said: Sequence[str],
    opponent: Opponent | None,
    *,
    tickers: Sequence[str] | None,
    progress: Progress,
) -> Evaluation:
    """Judge a forecast that the model has made of the prices, beside the twin's and another's."""
    twin, notes = twin_of(model), [span.audit, *said]
    rivals: list[Forecaster] = [] if opponent is None else [opponent]
    notes += () if opponent is None else opponent.notes
    if twin is None:
        notes.append(_why_no_twin(model))
    else:
        progress(f"forecasts of {twin.name}")
        # It was trained on the same corpus: its notes on the prices are the model's own.
        answer = replace(twin.forecast(span.prices), notes=())
        rivals.append(Answered(twin.name, twin.horizons, answer))
    return evaluate_forecaster(
        Answered(model.name, model.horizons, forecast),
        span.prices,
        start=span.start,
        tickers=tickers,
        rivals=rivals,
        variant=f"{model.corpus.features}+close",
        decay=model.files.recipe.data.volatility_decay,
        notes=notes,
        progress=progress,
    )


def _why_no_twin(model: NetworkForecaster) -> str:
    if model.folder is not None and is_shipped(model.folder):
        command = f"forecasting compare --recipes {model.name},gru-small"
        return f"{model.name} comes without its GRU twin: `{command}` trains the two side by side."
    return f"{model.name} has no GRU twin: train it without --no-twin."


def _say_nothing(words: str) -> None:
    """The progress of a verb that nobody watches."""
