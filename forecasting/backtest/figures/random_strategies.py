"""Where the strategy stands among random ones of the same turnover and exposure."""

import numpy as np
from matplotlib.figure import Figure

from forecasting.backtest.figures.style import (
    INK,
    LOSS,
    Look,
    blank,
    dress,
    legend_above,
    new_figure,
)
from forecasting.backtest.statistics.random_strategies import RandomStrategies

_BINS = 25


def random_figure(random: RandomStrategies, strategy: str) -> Figure:
    """Histogram of the Sharpe ratios of random strategies, with the strategy's own as a line.

    Args:
        random: The random strategies, and where the strategy stands among them.
        strategy: Its name.
    """
    known = random.sharpes[np.isfinite(random.sharpes)]
    title = f"{strategy} among {len(random.sharpes)} random strategies"
    if len(known) < 2:
        return blank(title, random.note or "None of them has a Sharpe ratio.")
    figure = new_figure(2.6, title)
    axis = figure.subplots()
    look: Look = {"color": "#9a9a9a", "edgecolor": "white", "lw": 0.5}
    axis.hist(known, bins=_BINS, label="random, same turnover and exposure", **look)
    label = f"{strategy} ({random.sharpe:.2f}): better than {random.percentile:.1%}"
    axis.axvline(random.sharpe, color=LOSS, lw=2.2, label=label)
    axis.axvline(float(np.quantile(known, 0.95)), color=INK, lw=1, ls="--", label="95th percentile")
    legend_above(axis, 1)
    axis.set_xlabel("Sharpe ratio, a year, net of costs", fontsize=9)
    dress(axis, "strategies")
    return figure
