"""All figures of a backtest by name: `book.plot(name)`."""

import textwrap
from collections.abc import Callable

from matplotlib.figure import Figure

from forecasting.backtest.book import Backtest
from forecasting.backtest.figures.capacity import capacity_figure
from forecasting.backtest.figures.costs import costs_figure
from forecasting.backtest.figures.drawdowns import drawdowns_figure
from forecasting.backtest.figures.equity import equity_figure
from forecasting.backtest.figures.exposure import exposure_figure
from forecasting.backtest.figures.holdings import holdings_figure
from forecasting.backtest.figures.monthly import monthly_figure
from forecasting.backtest.figures.random_strategies import random_figure
from forecasting.backtest.figures.rolling_sharpe import rolling_sharpe_figure
from forecasting.backtest.figures.sensitivity import sensitivity_figure

_LINE = 95
"""Letters of a caption that stand in one line."""


def _equity(book: Backtest) -> Figure:
    found = ", ".join(f"{each.verdict} vs {each.against}" for each in book.comparisons)
    said = (found, book.timing, book.cost_words)
    caption = "\n".join(textwrap.fill(words, _LINE) for words in said)
    return equity_figure(book.equity, book.stats["sharpe"], caption)


def _monthly(book: Backtest) -> Figure:
    return monthly_figure(book.monthly, book.strategy)


def _rolling_sharpe(book: Backtest) -> Figure:
    return rolling_sharpe_figure(book.returns[book.strategy], book.bars_per_year, book.strategy)


def _drawdowns(book: Backtest) -> Figure:
    return drawdowns_figure(book.equity[book.strategy], book.drawdowns, book.strategy)


def _exposure(book: Backtest) -> Figure:
    return exposure_figure(book.exposure, book.turnover_by_month, book.strategy)


def _costs(book: Backtest) -> Figure:
    return costs_figure(book.costs_waterfall, book.strategy)


def _holdings(book: Backtest) -> Figure:
    return holdings_figure(book.weights, book.strategy)


def _random(book: Backtest) -> Figure:
    return random_figure(book.what_if.random, book.strategy)


def _sensitivity(book: Backtest) -> Figure:
    return sensitivity_figure(book.what_if.by_cost, book.what_if.by_delay, book.strategy)


def _capacity(book: Backtest) -> Figure:
    return capacity_figure(book.what_if.capacity, book.strategy)


FIGURES: dict[str, Callable[[Backtest], Figure]] = {
    "equity": _equity,
    "monthly": _monthly,
    "rolling_sharpe": _rolling_sharpe,
    "drawdowns": _drawdowns,
    "exposure": _exposure,
    "costs": _costs,
    "holdings": _holdings,
    "random": _random,
    "sensitivity": _sensitivity,
    "capacity": _capacity,
}
"""Name to what draws it from a `Backtest`."""
