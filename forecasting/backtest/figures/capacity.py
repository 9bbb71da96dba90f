"""The capacity curve: how much money the strategy bears before its own impact eats the profit."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

from forecasting.backtest.figures.style import (
    INK,
    OWN,
    Look,
    blank,
    dress,
    money,
    new_figure,
)
from forecasting.backtest.statistics.capacity import Capacity


def capacity_figure(capacity: Capacity, strategy: str) -> Figure:
    """Growth a year net of all costs by the capital traded, which has a log scale.

    Dashed lines stand where growth has halved and where it ends.

    Args:
        capacity: Growth by capital; where it is not known, the figure says why.
        strategy: Its name.
    """
    title = f"{strategy}: capacity"
    if not len(capacity.capitals):
        return blank(title, capacity.note)
    figure = new_figure(2.6, title)
    axis = figure.subplots()
    axis.plot(capacity.capitals, capacity.cagr, color=OWN, marker="o", ms=4, lw=1.5)
    # One word below the other: the lines may stand closer together than a word is wide.
    for capital, word, down in ((capacity.half, "half", -9), (capacity.zero, "zero", -20)):
        if capital is not None:
            axis.axvline(capital, color=INK, lw=1, ls="--")
            where: Look = {"xy": (capital, 1), "xycoords": ("data", "axes fraction")}
            look: Look = {"fontsize": 8.5, "color": INK, "textcoords": "offset points"}
            axis.annotate(
                f"{word}: {money(float(f'{capital:.2g}'))}", xytext=(3, down), **where, **look
            )
    axis.axhline(0, color=INK, lw=0.8)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: money(value)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.set_xlabel("capital, currency of the prices (log)", fontsize=9)
    dress(axis, "CAGR, net")
    return figure
