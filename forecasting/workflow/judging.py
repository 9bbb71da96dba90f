"""The verbs that judge a model: evaluate, backtest, report.

Each starts, unless told otherwise, on the first bar that the model has not seen, and says so loudly
when it is told otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.backtest.backtest import backtest as backtest_forecast
from forecasting.backtest.book import Backtest
from forecasting.evaluation.evaluate import evaluate as evaluate_forecaster
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import Panel, day
from forecasting.market.span import check_span
from forecasting.report.captions import IN_SAMPLE
from forecasting.report.report import Report
from forecasting.workflow.places import require_writable

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
    progress: Progress | None = None,
) -> Evaluation:
    """Score a model beside the baselines and its twin, from its first unseen bar on.

    Args:
        model: A trained model.
        prices: With bars before `start`, on which the baselines are fitted.
        tickers: Score only these; the others still are their market.
        start: First origin; the model's first out-of-sample bar by default.
        end: Last bar.
        progress: Called with a few words before each step that takes time.

    Raises:
        DataError: Too few bars before `start`, or none from it on.
    """
    check_span(start, end)
    prices = prices.between(None, end)
    say = progress or _say_nothing
    say(f"forecasts of {model.name}")
    forecast = model.forecast(prices)
    return _evaluate(model, prices, forecast, tickers=tickers, start=start, progress=say)


def backtest(
    model: NetworkForecaster,
    prices: Panel,
    *,
    strategy: str = "long_short",
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    cost_bps: float | int = 5.0,
    slippage_bps: float | int = 3.0,
    execution: str = "auto",
    progress: Progress | None = None,
    **parameters: Any,
) -> Backtest:
    """Trade a model's forecasts with costs, from its first unseen bar on.

    Args:
        model: A trained model.
        prices: To forecast and to trade at.
        strategy: A name such as `long_short`, or the path of a Python file.
        tickers: Trade only these.
        start: First day of decisions; the model's first out-of-sample bar by default.
        end: Last day.
        cost_bps: Commission, bps of traded notional.
        slippage_bps: Slippage, bps of traded notional.
        execution: `next_open`, `next_close` or `auto`.
        progress: Called with a few words before each step that takes time.
        parameters: The strategy's own.

    Raises:
        ConfigError: The strategy or a parameter is not valid.
        DataError: The span has no forecast.
    """
    check_span(start, end)
    prices = prices.between(None, end)
    say = progress or _say_nothing
    say(f"forecasts of {model.name}")
    forecast = model.forecast(prices)
    say(f"backtest {strategy}")
    first = _first_day(model, start)
    return backtest_forecast(
        forecast.select(tickers) if tickers else forecast,
        prices,
        strategy=strategy,
        cost_bps=cost_bps,
        slippage_bps=slippage_bps,
        start=first,
        end=end,
        execution=execution,
        parameters=parameters,
        notes=_lock(model, first),
    )


def report(
    model: NetworkForecaster,
    prices: Panel,
    out: str | Path,
    *,
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    strategies: Sequence[str] = REPORTED_STRATEGIES,
    cost_bps: float | int = 5.0,
    slippage_bps: float | int = 3.0,
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
        slippage_bps: Slippage, bps of traded notional.
        progress: Called with a few words before each step that takes time.

    Raises:
        ConfigError: A strategy is not valid.
        DataError: As `evaluate` and `backtest`, or `out` cannot be written.
    """
    check_span(start, end)
    require_writable(Path(out), "report")
    prices = prices.between(None, end)
    say = progress or _say_nothing
    say(f"forecasts of {model.name}")
    forecast = model.forecast(prices)
    evaluation = _evaluate(model, prices, forecast, tickers=tickers, start=start, progress=say)
    first = _first_day(model, start)
    traded = forecast.select(tickers) if tickers else forecast
    books = []
    for strategy in strategies:
        say(f"backtest {strategy}")
        book = backtest_forecast(
            traded,
            prices,
            strategy=strategy,
            cost_bps=cost_bps,
            slippage_bps=slippage_bps,
            start=first,
            end=end,
            notes=_lock(model, first),
        )
        books.append(book)
    say("report")
    made = Report(model, prices, forecast, evaluation, tuple(books))
    made.write(Path(out))
    return made


def _evaluate(
    model: NetworkForecaster,
    prices: Panel,
    forecast: Forecast,
    *,
    tickers: Sequence[str] | None,
    start: str | None,
    progress: Progress,
) -> Evaluation:
    """Judge a forecast that the model has made of the prices, beside the twin's."""
    first = _first_day(model, start)
    twin, rivals, notes = twin_of(model), [], list(_lock(model, first))
    if twin is None:
        notes.append(f"{model.name} has no GRU twin: train it without --no-twin.")
    else:
        progress(f"forecasts of {twin.name}")
        # It was trained on the same corpus: its notes on the prices are the model's own.
        answer = replace(twin.forecast(prices), notes=())
        rivals.append(Answered(twin.name, twin.horizons, answer))
    return evaluate_forecaster(
        Answered(model.name, model.horizons, forecast),
        prices,
        start=first,
        tickers=tickers,
        rivals=rivals,
        variant=f"{model.corpus.features}+close",
        decay=model.files.recipe.data.volatility_decay,
        notes=notes,
        progress=progress,
    )


def _first_day(model: NetworkForecaster, start: str | None) -> np.datetime64:
    """The day asked for, or the first one that the model has not seen."""
    return np.datetime64(start or model.corpus.test_start, "ns")


def _say_nothing(words: str) -> None:
    """The progress of a verb that nobody watches."""


def _lock(model: NetworkForecaster, start: np.datetime64) -> tuple[str, ...]:
    """The as-of lock: a warning if a span reaches into what the model has seen."""
    if not model.corpus.seen(start):
        return ()
    first = day(np.datetime64(model.corpus.test_start, "ns"))
    return (
        f"{IN_SAMPLE}: the span starts {day(start)}, but {model.name} was trained and chosen on "
        f"bars before {first}. Nothing here shows skill; start at {first} or later.",
    )
