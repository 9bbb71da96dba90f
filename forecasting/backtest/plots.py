"""The equity plot: what one unit of capital became, and how far it fell in between."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from forecasting.backtest.book import Backtest
from forecasting.backtest.statistics import drawdowns, sharpe

_COLORS = ("#1f5fa8", "#d08a2e", "#7a7a7a")


def equity_plot(book: Backtest) -> Figure:
    """Equity on a log scale above, drawdowns beneath; 9 x 6 inches.

    Each curve is labelled with its Sharpe ratio; timing and costs stand below the plot.
    """
    figure = Figure(figsize=(9, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(2.4, 1), sharex=True)
    for (name, ledger), color in zip(book.ledgers.items(), _COLORS, strict=False):
        values = ledger.equity
        is_own = name == book.strategy
        look = {"color": color, "lw": 1.6 if is_own else 1.0, "zorder": 3 if is_own else 2}
        label = f"{name} (Sharpe {sharpe(ledger.returns, book.bars_per_year):.2f})"
        # A log scale has no place for an account after its ruin.
        upper.plot(ledger.times, np.where(values > 0, values, np.nan), label=label, **look)
        lower.plot(ledger.times, drawdowns(values), **look)
        if is_own:
            lower.fill_between(ledger.times, drawdowns(values), 0, color=color, alpha=0.15, lw=0)
    _dress(upper, lower)
    found = ", ".join(f"{each.verdict} vs {each.against}" for each in book.comparisons)
    upper.set_title(f"{book.strategy} on forecasts of {book.forecaster}", loc="left", fontsize=11)
    figure.supxlabel(f"{found}\n{book.timing}\n{book.costs.describe()}", fontsize=7.5, color="#444")
    return figure


def _dress(upper: Axes, lower: Axes) -> None:
    upper.set_yscale("log")
    upper.set_ylabel("equity, start = 1 (log scale)", fontsize=9)
    upper.axhline(1, color="#bbbbbb", lw=0.7, zorder=0)
    upper.legend(loc="upper left", fontsize=8, frameon=False)
    low, high = upper.get_ylim()
    within_a_decade = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
    upper.yaxis.set_major_locator(
        within_a_decade if high < 10 * low else LogLocator(subs=(1, 2, 5))
    )
    upper.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    upper.yaxis.set_minor_formatter(NullFormatter())
    lower.set_ylabel("drawdown", fontsize=9)
    lower.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axis in (upper, lower):
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="#eeeeee", lw=0.7)
        axis.margins(x=0.01)
