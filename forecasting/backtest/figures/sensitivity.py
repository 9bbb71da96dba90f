"""How the result hangs on the costs, and on one more bar between decision and fill."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecasting.backtest.figures.style import blank, dress, mark_values, new_figure


def sensitivity_figure(costs: pd.DataFrame, delay: pd.DataFrame, strategy: str) -> Figure:
    """Sharpe ratio by cost in bps at the left, by bars of delay at the right, on one scale.

    Args:
        costs: By cost in bps of traded notional, a column `sharpe`.
        delay: By bars that every decision comes later, a column `sharpe`.
        strategy: Its name.
    """
    title = f"{strategy}: if trading cost more, if orders came later"
    if not costs["sharpe"].notna().any() and not delay["sharpe"].notna().any():
        return blank(title, "No Sharpe ratio to show.")
    figure = new_figure(2.6, title)
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, costs, "cost, bps of the traded sum")
    _draw(right, delay, "bars later")
    left.set_ylabel("Sharpe, a year", fontsize=9)
    return figure


def _draw(axis: Axes, table: pd.DataFrame, xlabel: str) -> None:
    # Evenly spaced, whatever lies between: the small ones would cover each other.
    mark_values(axis, table["sharpe"].reset_index(drop=True))
    axis.set_xticks(range(len(table)), [f"{at:g}" for at in table.index])
    axis.set_xlabel(xlabel, fontsize=9)
    dress(axis)
