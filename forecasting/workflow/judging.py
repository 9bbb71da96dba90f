"""The verbs that judge a model: evaluate, backtest, report.

Each starts, unless told otherwise, on the first bar that the model has not seen, and says so loudly
when it is told otherwise.
"""

from collections.abc import Callable, Sequence
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
from forecasting.report.report import Report

REPORTED_STRATEGIES = ("long_short", "long_only", "volatility_target")

Progress = Callable[[str], None]


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
    twin = twin_of(model)
    notes = [] if twin else [f"{model.name} has no GRU twin: train it without --no-twin."]
    first = np.datetime64(start or model.corpus.test_start, "ns")
    return evaluate_forecaster(
        model,
        prices,
        start=first,
        end=end,
        tickers=tickers,
        rivals=[twin] if twin else [],
        variant=model.corpus.features,
        decay=model.files.recipe.data.volatility_decay,
        notes=(*_lock(model, first), *notes),
        progress=progress,
    )


def backtest(
    model: NetworkForecaster,
    prices: Panel,
    *,
    strategy: str = "long_short",
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    cost_bps: float = 5.0,
    slippage_bps: float = 3.0,
    execution: str = "auto",
    forecast: Forecast | None = None,
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
        forecast: The model's forecast of `prices`, if it has been made already.
        parameters: The strategy's own.

    Raises:
        ConfigError: The strategy or a parameter is not valid.
        DataError: The span has no forecast.
    """
    first = np.datetime64(start or model.corpus.test_start, "ns")
    made = forecast if forecast is not None else model.forecast(prices)
    return backtest_forecast(
        made.select(tickers) if tickers else made,
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
    cost_bps: float = 5.0,
    slippage_bps: float = 3.0,
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
    evaluation = evaluate(model, prices, tickers=tickers, start=start, end=end, progress=progress)
    say = progress or (lambda _: None)
    forecast = model.forecast(prices.between(None, end))
    books = []
    for strategy in strategies:
        say(f"backtest {strategy}")
        book = backtest(
            model,
            prices,
            strategy=strategy,
            tickers=tickers,
            start=start,
            end=end,
            cost_bps=cost_bps,
            slippage_bps=slippage_bps,
            forecast=forecast,
        )
        books.append(book)
    say("report")
    made = Report(model, prices, forecast, evaluation, tuple(books))
    made.write(Path(out))
    return made


def _lock(model: NetworkForecaster, start: np.datetime64) -> tuple[str, ...]:
    """The as-of lock: a warning if a span reaches into what the model has seen."""
    if not model.corpus.seen(start):
        return ()
    first = day(np.datetime64(model.corpus.test_start, "ns"))
    return (
        f"IN SAMPLE: the span starts {day(start)}, but {model.name} was trained and chosen on bars "
        f"before {first}. Nothing here shows skill; start at {first} or later.",
    )
