"""The equity figure: what one unit of capital became, and how far it fell in between."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from forecasting.backtest.figures.style import (
    blank,
    date_axis,
    dress,
    legend_above,
    looks,
    new_figure,
)

LOG_FROM = 3.0
"""Highest over lowest equity from which the scale is logarithmic."""


def equity_figure(
    equity: pd.DataFrame, sharpes: pd.Series | None = None, caption: str = ""
) -> Figure:
    """Equity of the strategy and its benchmarks above, their drawdowns beneath.

    The scale is logarithmic where equity spans more than a factor of three. On it an account ends
    at its ruin, which the legend names.

    Args:
        equity: At each close, a column an account, the strategy's first.
        sharpes: Of each account by name, a year's; they stand in the legend.
        caption: Lines below the figure.
    """
    strategy = str(equity.columns[0])
    if len(equity) < 2:
        return blank(f"{strategy}: equity", f"{len(equity)} bars: too few for a curve.")
    relative = equity / equity.iloc[0]
    figure = new_figure(4.4, f"{strategy}: equity and drawdown")
    upper, lower = figure.subplots(2, 1, height_ratios=(2.2, 1), sharex=True)
    for name, look in looks([str(column) for column in equity.columns]).items():
        values = relative[name]
        label = _label(name, values, sharpes)
        fall = values / values.cummax() - 1
        # A log scale has no place for an account after its ruin.
        upper.plot(values.index, values.where(values > 0), label=label, **look)
        lower.plot(fall.index, fall, **look)
    own = relative.iloc[:, 0]
    lower.fill_between(own.index, own / own.cummax() - 1, 0, alpha=0.15, lw=0)
    _scale(upper, relative)
    dress(lower, "drawdown")
    lower.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    date_axis(lower)
    if caption:
        figure.supxlabel(caption, fontsize=7.5, color="#444444")
    return figure


def _label(name: str, values: pd.Series, sharpes: pd.Series | None) -> str:
    if (values <= 0).any():
        return f"{name} (ruined)"
    if sharpes is None or pd.isna(sharpes[name]):
        return name
    return f"{name} (Sharpe {sharpes[name]:.2f})"


def _scale(axis: Axes, relative: pd.DataFrame) -> None:
    alive = relative.where(relative > 0)
    is_log = alive.max().max() > LOG_FROM * alive.min().min()
    dress(axis, "equity, start = 1" + (" (log)" if is_log else ""))
    axis.axhline(1, color="#bbbbbb", lw=0.7, zorder=0)
    legend_above(axis, 2)
    if is_log:
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        within_a_decade = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
        decades = LogLocator(subs=(1, 2, 5))
        axis.yaxis.set_major_locator(within_a_decade if high < 10 * low else decades)
        axis.yaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
