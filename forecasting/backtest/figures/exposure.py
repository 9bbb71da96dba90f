"""The figure of exposure and turnover: how much was at stake, and how much was traded."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from forecasting.backtest.figures.style import (
    INK,
    LOSS,
    OWN,
    Look,
    blank,
    date_axis,
    dress,
    legend_above,
    new_figure,
)


def exposure_figure(exposure: pd.DataFrame, turnover: pd.Series, strategy: str) -> Figure:
    """Long, short, gross and net exposure at each close, and the turnover of each month.

    Args:
        exposure: Shares of equity by bar: long, short (not positive), gross, net.
        turnover: Bought and sold in each month as a share of equity; by its time or period.
        strategy: Its name.
    """
    title = f"{strategy}: exposure and turnover"
    if len(exposure) < 2 or not exposure["gross"].any():
        return blank(title, "Nothing was held.")
    figure = new_figure(3.8, title)
    upper, lower = figure.subplots(2, 1, height_ratios=(1.7, 1), sharex=True)
    look: Look = {"lw": 0, "step": "post"}
    upper.fill_between(exposure.index, exposure["long"], color=OWN, alpha=0.3, label="long", **look)
    short: Look = {"color": LOSS, "alpha": 0.3, "label": "short", "hatch": "////"}
    upper.fill_between(exposure.index, exposure["short"], **short, **look)
    upper.plot(exposure.index, exposure["gross"], color=INK, lw=0.9, ls=":", label="gross")
    upper.plot(exposure.index, exposure["net"], color=INK, lw=1.3, label="net")
    upper.axhline(0, color=INK, lw=0.8)
    legend_above(upper, 4)
    dress(upper, "share of equity")
    _bars(lower, turnover)
    for axis in (upper, lower):
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    date_axis(lower)
    return figure


def _bars(axis: Axes, turnover: pd.Series) -> None:
    """One bar a month, over the days of the month."""
    months = turnover.index
    if not isinstance(months, pd.PeriodIndex):
        months = pd.DatetimeIndex(months).to_period("M")
    starts, ends = months.to_timestamp(), (months + 1).to_timestamp()
    axis.bar(starts, turnover, width=0.9 * (ends - starts), align="edge", color=OWN)
    dress(axis, "traded a month")
