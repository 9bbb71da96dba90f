"""The figure of the Sharpe ratio over the trailing year."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from forecasting.backtest.figures.style import (
    INK,
    OWN,
    Look,
    blank,
    date_axis,
    dress,
    legend_above,
    new_figure,
)

_LEAST = 20
"""Bars below which no ratio is computed."""


def rolling_sharpe(returns: pd.Series, bars_per_year: float | int) -> pd.DataFrame:
    """Sharpe ratio of the last year at each bar, and its 95 % interval.

    With S = mean / standard deviation of n returns of a bar, the ratio is sqrt(bars_per_year) S and
    its standard error sqrt(bars_per_year) sqrt((1 + S^2 / 2) / n).

    Args:
        returns: Simple returns of a bar, decimal.
        bars_per_year: Rounded, the length n of the window.

    Returns:
        Columns sharpe, low, high (no unit, a year); NaN before the first full year, and where
        returns do not vary.

    Source: Lo (2002), The statistics of Sharpe ratios, Financial Analysts Journal 58(4), equation
    9 (returns independent and alike; where they are not, the interval is too narrow).
    """
    n = max(_LEAST, round(bars_per_year))
    window = returns.rolling(n)
    spread = window.std()
    a_bar = window.mean() / spread.where(spread > 1e-12)
    sharpe = a_bar * math.sqrt(bars_per_year)
    half = 1.96 * math.sqrt(bars_per_year) * np.sqrt((1 + a_bar**2 / 2) / n)
    return pd.DataFrame({"sharpe": sharpe, "low": sharpe - half, "high": sharpe + half})


def rolling_sharpe_figure(returns: pd.Series, bars_per_year: float | int, strategy: str) -> Figure:
    """The Sharpe ratio of the trailing year with its 95 % band, and that of the whole span.

    Args:
        returns: Simple returns of a bar, decimal.
        bars_per_year: Of the prices.
        strategy: Its name.
    """
    title = f"{strategy}: Sharpe ratio of the last year"
    rolling = rolling_sharpe(returns, bars_per_year)
    if not rolling["sharpe"].notna().any():
        return blank(
            title, f"{len(returns)} returns: expected a year of {round(bars_per_year)} that vary."
        )
    figure = new_figure(2.6, title)
    axis = figure.subplots()
    look: Look = {"color": OWN, "lw": 0}
    low, high = rolling["low"], rolling["high"]
    axis.fill_between(rolling.index, low, high, alpha=0.18, label="95 % band", **look)
    axis.plot(rolling.index, rolling["sharpe"], color=OWN, lw=1.5, label="last year")
    whole = returns.mean() / returns.std() * math.sqrt(bars_per_year)
    axis.axhline(whole, color=INK, ls="--", lw=1, label=f"whole span ({whole:.2f})")
    axis.axhline(0, color=INK, lw=0.8)
    legend_above(axis, 3)
    dress(axis, "Sharpe, a year")
    date_axis(axis)
    return figure
