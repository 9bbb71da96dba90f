"""The worst drawdowns, marked on the curve of the strategy."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from forecasting.backtest.figures.equity import LOG_FROM
from forecasting.backtest.figures.style import (
    INK,
    LOSS,
    OWN,
    Look,
    blank,
    date_axis,
    dress,
    new_figure,
)

MARKED = 5
"""So many, the deepest first."""
_LABELLED = 0.1
"""Share of the deepest from which a drawdown is deep enough to see, and has its number."""


def drawdowns_figure(equity: pd.Series, drawdowns: pd.DataFrame, strategy: str) -> Figure:
    """Equity, and as bands the deepest falls from their high to their recovery.

    Args:
        equity: Of the strategy at each close.
        drawdowns: As `statistics.drawdowns.worst_drawdowns` gives them, the deepest first.
        strategy: Its name.
    """
    title = f"{strategy}: its {min(MARKED, len(drawdowns))} deepest drawdowns"
    if len(equity) < 2 or drawdowns.empty:
        return blank(f"{strategy}: drawdowns", "It never fell below an earlier high.")
    figure = new_figure(2.8, title)
    axis = figure.subplots()
    relative = equity / equity.iloc[0]
    alive = relative.where(relative > 0)
    axis.plot(relative.index, alive, color=OWN, lw=1.5)
    if alive.max() > LOG_FROM * alive.min():
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for k, row in enumerate(drawdowns.head(MARKED).to_dict(orient="records"), start=1):
        end: Any = equity.index[-1] if pd.isna(row["recovered"]) else row["recovered"]
        axis.axvspan(row["start"], end, color=LOSS, alpha=0.14, lw=0)
        bottom, depth = row["bottom"], row["depth"]
        if alive.at[bottom] > 0 and depth < _LABELLED * drawdowns["depth"].min():
            look: Look = {"ha": "center", "va": "top", "fontsize": 8.5, "color": INK}
            at = (bottom, alive.at[bottom])
            axis.annotate(f"{k}: {depth:.0%}", at, (0, -3), textcoords="offset points", **look)
    is_log = axis.get_yscale() == "log"
    axis.margins(y=0.2)
    dress(axis, "equity, start = 1" + (" (log)" if is_log else ""))
    date_axis(axis)
    return figure
