"""The heat table of monthly returns."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from forecasting.backtest.figures.style import (
    INK,
    LOSS_TO_GAIN,
    Look,
    blank,
    new_figure,
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DEEPEST = 0.6
"""Share of the colour scale beyond which letters are white."""


def monthly_figure(monthly: pd.DataFrame, strategy: str) -> Figure:
    """A row a year, a column a month, and the year's return beside them; per cent in each cell.

    Blue is a gain, orange a loss, deep from the 95th percentile of their sizes on.

    Args:
        monthly: Simple returns, decimal; years by months 1 to 12 and `year`; NaN without bars.
        strategy: Its name.
    """
    title = f"{strategy}: monthly returns, %"
    if not monthly.notna().any(axis=None):
        return blank(title, "No month with a return.")
    values = 100 * monthly.to_numpy(dtype=float)
    figure = new_figure(0.75 + 0.25 * len(monthly), title)
    axis = figure.subplots()
    months = np.abs(values[:, :12])
    deep = max(float(np.nanquantile(months, 0.95)), 0.01)
    shade = values.copy()
    # A year is the sum of twelve: it has a scale of its own.
    shade[:, 12:] /= np.sqrt(12)
    axis.imshow(shade, cmap=LOSS_TO_GAIN, vmin=-deep, vmax=deep, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            is_deep = abs(shade[row, column]) > _DEEPEST * deep
            color, weight = "white" if is_deep else INK, "bold" if column == 12 else "normal"
            look: Look = {"ha": "center", "va": "center", "fontsize": 8, "color": color}
            axis.text(column, row, f"{value:+.1f}", weight=weight, **look)
    axis.axvline(11.5, color="white", lw=3)
    axis.set_xticks(range(13), [*_MONTHS, "year"])
    axis.set_yticks(range(len(monthly)), [str(year) for year in monthly.index])
    axis.tick_params(labelsize=8.5, length=0)
    axis.xaxis.tick_top()
    axis.spines[:].set_visible(False)
    return figure
