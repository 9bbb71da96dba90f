"""Holdings over time: a row a ticker, the shade its weight."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from forecasting.backtest.figures.style import (
    LOSS_TO_GAIN,
    Look,
    blank,
    date_axis,
    new_figure,
)

NAMED = 20
"""Tickers with a row of their own; the others share one."""
_COLUMNS = 400
"""Stretches of bars that are drawn, about as many as a phone has points."""


def holdings_figure(weights: pd.DataFrame, strategy: str) -> Figure:
    """Weights of the largest holdings, largest mean size first; blue is long, orange short.

    The scale ends at the 99th percentile of the sizes. Stretches of bars are averaged where there
    are more than the figure has room for.

    Args:
        weights: Signed shares of equity by bar, a column a ticker.
        strategy: Its name.
    """
    size = weights.abs().mean().sort_values(ascending=False, kind="stable")
    held = size[size > 0]
    title = f"{strategy}: holdings, share of equity"
    if len(weights) < 2 or held.empty:
        return blank(title, "Nothing was held.")
    rows = weights[held.index[:NAMED]].copy()
    names = [str(name) for name in rows.columns]
    if len(held) > NAMED:
        names.append(f"{len(held) - NAMED} others")
        rows["others"] = weights[held.index[NAMED:]].sum(axis=1)
    every = -(-len(rows) // _COLUMNS)
    stretches = rows.groupby(np.arange(len(rows)) // every)
    values, starts = stretches.mean().to_numpy().T, weights.index[::every]
    largest = float(np.nanquantile(np.abs(values[values != 0]), 0.99))
    figure = new_figure(0.9 + 0.2 * len(names), title)
    axis = figure.subplots()
    edges = starts.append(weights.index[-1:])
    scale: Look = {"cmap": LOSS_TO_GAIN, "vmin": -largest, "vmax": largest, "rasterized": True}
    mesh = axis.pcolormesh(edges, np.arange(len(names) + 1) - 0.5, values, **scale)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.tick_params(labelsize=8.5)
    axis.spines[:].set_visible(False)
    date_axis(axis)
    bar = figure.colorbar(mesh, ax=axis, fraction=0.05, pad=0.01, format=PercentFormatter(1))
    bar.ax.tick_params(labelsize=8.5)
    bar.outline.set_visible(False)
    return figure
