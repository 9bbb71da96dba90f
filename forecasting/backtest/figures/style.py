"""The look that all figures of this room share; it can be read without colour and on a phone.

Colours are those of Okabe & Ito (2008), Color Universal Design, which people with any colour vision
tell apart; every curve has a line style of its own as well.
"""

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

Look = dict[str, Any]
"""Keyword arguments of a drawing method."""

WIDTH = 6.0
"""Inches: at the 360 points of a phone a letter of 9 points is still 7 high."""
OWN, LOSS, INK, GRID = "#0072b2", "#d55e00", "#333333", "#e6e6e6"
RIVALS = (
    ("#d55e00", "--"),
    ("#595959", "-."),
    ("#009e73", ":"),
    ("#a35a87", (0, (5, 1, 1, 1))),
    ("#8a6d00", (0, (3, 1, 1, 1, 1, 1))),
)
"""Colour and line style of the benchmarks, in turn."""
LOSS_TO_GAIN = LinearSegmentedColormap.from_list("loss to gain", ["#9c4400", "#ffffff", "#004c78"])
"""Orange over white to blue."""


def new_figure(height: float | int, title: str) -> Figure:
    """An empty figure of the shared width with a title at the left; layout by constraints."""
    figure = Figure(figsize=(WIDTH, height), dpi=100, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, color=INK)
    return figure


def blank(title: str, words: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(1.4, title)
    axis = figure.subplots()
    axis.set_axis_off()
    axis.text(0.5, 0.5, words, ha="center", va="center", fontsize=10, color=INK, wrap=True)
    return figure


def dress(axis: Axes, ylabel: str = "", grid: Literal["x", "y"] = "y") -> None:
    """Letters of 9 points, no frame at top and right, a light grid."""
    axis.set_ylabel(ylabel, fontsize=9)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_axisbelow(True)
    axis.grid(axis=grid, color=GRID, lw=0.7)


def legend_above(axis: Axes, columns: int) -> None:
    """The legend between title and frame, where it covers nothing."""
    place: Look = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    axis.legend(ncols=columns, fontsize=8.5, frameon=False, columnspacing=1.2, **place)


def mark_values(axis: Axes, values: pd.Series) -> None:
    """A line with a number at each point."""
    axis.plot(values.index, values, color=OWN, marker="o", ms=5, lw=1.5)
    for at, value in values.dropna().items():
        look: Look = {"ha": "center", "fontsize": 8.5, "color": INK, "textcoords": "offset points"}
        behind: Look = {"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.8}
        axis.annotate(f"{value:.2f}", (at, value), (0, 7), bbox=behind, **look)
    axis.axhline(0, color=INK, lw=0.8)
    axis.margins(x=0.12, y=0.2)


def money(value: float | int) -> str:
    """A sum in words short enough for an axis: 250k, 1m, 2.5bn."""
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def date_axis(axis: Axes) -> None:
    """Few dates, each said once."""
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_formatter(formatter)
    axis.margins(x=0.01)


def looks(names: Sequence[str]) -> dict[str, Look]:
    """How each curve is drawn: the first is the strategy's, the others its benchmarks'."""
    own: Look = {"color": OWN, "ls": "-", "lw": 1.7, "zorder": 3}
    styles: dict[str, Look] = {names[0]: own} if names else {}
    for k, name in enumerate(names[1:]):
        color, dashes = RIVALS[k % len(RIVALS)]
        styles[name] = {"color": color, "ls": dashes, "lw": 1.1, "zorder": 2}
    return styles
