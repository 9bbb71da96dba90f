"""The cost waterfall: from the profit that prices made to what was left of it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from forecasting.backtest.figures.style import (
    INK,
    LOSS,
    OWN,
    Look,
    blank,
    dress,
    new_figure,
)

_TOTAL = "#595959"
_ROOM = 0.28
"""Of the width, on both sides, for the numbers beside the bars."""


def costs_figure(waterfall: pd.Series, strategy: str) -> Figure:
    """A bar a part, each from where the one before ended; the last is what they add up to.

    Gains are blue, losses orange and hatched, the sum grey.

    Args:
        waterfall: Shares of the starting capital, signed, by name; the last is the sum.
        strategy: Its name.
    """
    title = f"{strategy}: from gross profit to net, % of the starting capital"
    if not np.isfinite(waterfall.to_numpy(dtype=float)).all() or not waterfall.any():
        return blank(title, "Nothing was earned or paid.")
    # What was neither earned nor paid is left out, but never the first and the last.
    kept = waterfall.to_numpy() != 0
    kept[[0, -1]] = True
    shown = waterfall[kept]
    values = shown.to_numpy(dtype=float)
    ends = np.append(np.cumsum(values[:-1]), values[-1])
    starts = np.append(np.append(0.0, ends[:-2]), 0.0)
    figure = new_figure(0.8 + 0.3 * len(shown), title)
    axis = figure.subplots()
    for k, (value, start, end) in enumerate(zip(values, starts, ends, strict=True)):
        color = _TOTAL if k == len(values) - 1 else OWN if value >= 0 else LOSS
        hatch = "////" if value < 0 else None
        axis.barh(k, end - start, left=start, color=color, hatch=hatch, edgecolor="white", lw=0.5)
        look: Look = {"va": "center", "fontsize": 9, "color": INK, "textcoords": "offset points"}
        axis.annotate(f"{value:+.1%}", (max(start, end), k), (4, 0), **look)
    axis.axvline(0, color=INK, lw=0.8)
    axis.set_yticks(range(len(shown)), [str(name) for name in shown.index])
    axis.invert_yaxis()
    axis.margins(x=_ROOM / 2)
    dress(axis, grid="x")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    return figure
