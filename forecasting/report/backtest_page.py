"""The page of one backtest: what a portfolio manager asks, in the order of asking."""

from pathlib import Path
from typing import Any

from forecasting.backtest.book import Backtest
from forecasting.evaluation.evaluation import Evaluation
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.report import captions, forecast_part, tables
from forecasting.report.page import render, write_page
from forecasting.report.provenance import provenance
from forecasting.report.strategy_part import strategy_part

UNAUDITED = "LEAK AUDIT: none is recorded for these forecasts."


def backtest_page(
    book: Backtest,
    *,
    model: NetworkForecaster | None = None,
    prices: Panel | None = None,
    forecast: Forecast | None = None,
    evaluation: Evaluation | None = None,
) -> str:
    """The page as HTML.

    Verdicts, luck, leak audit and warnings come first; then key numbers with intervals beside the
    benchmarks, the account, what it was fed, what luck, costs, delay and size would have made of
    it, and what decided the result.

    Args:
        book: The backtest.
        model: Who made the forecasts, for its training and recipe.
        prices: That were traded at, for fan charts, coverage and vintage.
        forecast: That was traded, for fan charts and coverage.
        evaluation: Of that forecast, for its calibration.
    """
    warnings, notes = captions.warnings_first(book.notes)
    audited = (*book.notes, *(evaluation.notes if evaluation else ()))
    times = book.equity.index
    content: dict[str, Any] = {
        "part": strategy_part(book),
        "forecaster": book.forecaster,
        "span": f"{tables.moment(times[0])} to {tables.moment(times[-1])}, "
        f"{captions.counted(len(times), 'bar')}",
        "captions": captions,
        "stamp": captions.audit(audited) or UNAUDITED,
        "chosen": captions.chosen(book.notes),
        "warnings": warnings,
        "notes": notes,
        "recipe": model.files.recipe.to_yaml() if model else "",
        "provenance": provenance(model, prices),
        **forecast_part.forecast_part(forecast, prices, evaluation),
    }
    return render("backtest_page.html.j2", content)


def write_backtest_page(
    book: Backtest,
    path: Path,
    *,
    model: NetworkForecaster | None = None,
    prices: Panel | None = None,
    forecast: Forecast | None = None,
    evaluation: Evaluation | None = None,
) -> None:
    """Write `backtest_page` to a file; it is whole or as it was.

    Raises:
        DataError: The path cannot be written.
    """
    page = backtest_page(book, model=model, prices=prices, forecast=forecast, evaluation=evaluation)
    write_page(page, path)
