"""The heat map of a sweep: net Sharpe over two axes, the best marked, luck beside it."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from forecasting.backtest.figures.style import INK, LOSS_TO_GAIN, WIDTH, blank
from forecasting.backtest.strategies.parameters import hint
from forecasting.backtest.sweep.result import Sweep
from forecasting.errors import ConfigError

OTHERS = ("median", "best")
_MOST_COLUMNS, _MOST_ROWS = 14, 40
"""Cells across and up to which a cell has room for its number."""
_DEEPEST = 0.6
"""Share of the colour scale beyond which letters are white."""


def heat_map(
    sweep: Sweep, x: str | None = None, y: str | None = None, others: str = "median"
) -> Figure:
    """Net Sharpe ratio in each cell, orange below zero and blue above; 6 inches wide.

    Args:
        sweep: Any.
        x: Axis across; by default the one with the most values.
        y: Axis upwards; by default the one with the next most, None if there is one axis only.
        others: `median` or `best` over all other axes.

    Raises:
        ConfigError: There is no such axis, or it is one and the same.
    """
    x, y = _axes(sweep, x, y)
    if others not in OTHERS:
        raise ConfigError(f"others = {others!r}: expected {' or '.join(OTHERS)}. Correct it.")
    rest = [name for name in sweep.grid.axes if name not in (x, y)]
    title = "Net Sharpe" + (f", {others} over {', '.join(rest)}" if rest else "")
    if sweep.best is None:
        return blank(title, "No configuration traded: no Sharpe ratio to show.")
    values = _cells(sweep, x, y, others)
    n_rows, n_columns = values.shape
    figure = Figure(figsize=(WIDTH, 2.2 + 0.3 * n_rows), dpi=100, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, color=INK)
    axis = figure.subplots()
    deep = max(float(np.nanmax(np.abs(values))), 0.01)
    image = axis.imshow(
        values, cmap=LOSS_TO_GAIN, vmin=-deep, vmax=deep, aspect="auto", origin="lower"
    )
    if n_columns <= _MOST_COLUMNS and n_rows <= _MOST_ROWS:
        _write_values(axis, values, deep)
    else:
        figure.colorbar(image, ax=axis, shrink=0.8)
    _mark_best(axis, sweep, x, y)
    _name_axes(axis, sweep, x, y)
    _say_what_luck_finds(figure, sweep)
    return figure


def _axes(sweep: Sweep, x: str | None, y: str | None) -> tuple[str, str | None]:
    names = list(sweep.grid.axes)
    for name in (x, y):
        if name is not None and name not in names:
            raise ConfigError(f"the grid has no axis {name!r}: {hint(name, names)}")
    if x is not None and x == y:
        raise ConfigError(f"{x} across and upwards: expected two axes. Choose another one.")
    longest = sorted(names, key=lambda name: -len(sweep.grid.axes[name]))
    free = [name for name in longest if name not in (x, y)]
    across = x if x is not None else free.pop(0)
    return across, y if y is not None else next((n for n in free if n != across), None)


def _cells(sweep: Sweep, x: str, y: str | None, others: str) -> np.ndarray:
    """(value of y, value of x); NaN where no configuration has a Sharpe ratio."""
    lengths = [len(values) for values in sweep.grid.axes.values()]
    names = list(sweep.grid.axes)
    cube = sweep.table["sharpe"].to_numpy().reshape(lengths)
    kept = [names.index(name) for name in (y, x) if name is not None]
    rest = [k for k in range(len(names)) if k not in kept]
    ordered = cube.transpose(*kept, *rest).reshape(*(lengths[k] for k in kept), -1)
    frame = pd.DataFrame(ordered.reshape(-1, ordered.shape[-1]))
    found = frame.median(axis=1) if others == "median" else frame.max(axis=1)
    return found.to_numpy().reshape(-1 if y is not None else 1, lengths[names.index(x)])


def _write_values(axis: Axes, values: np.ndarray, deep: float) -> None:
    for (row, column), value in np.ndenumerate(values):
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
        color = "white" if abs(value) > _DEEPEST * deep else INK
        text = f"{value:.2f}" if np.isfinite(value) else "-"
        axis.text(column, row, text, color=color, **look)


def _mark_best(axis: Axes, sweep: Sweep, x: str, y: str | None) -> None:
    best: dict[str, Any] = sweep.best or {}
    column = sweep.grid.axes[x].index(best[x])
    row = 0 if y is None else sweep.grid.axes[y].index(best[y])
    for width, color in ((4.0, "white"), (2.0, "black")):
        frame = Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, lw=width, ec=color)
        axis.add_patch(frame)


def _name_axes(axis: Axes, sweep: Sweep, x: str, y: str | None) -> None:
    across = [_label(value) for value in sweep.grid.axes[x]]
    crowded = sum(map(len, across)) > 60
    axis.set_xticks(range(len(across)), across, rotation=90 if crowded else 0)
    axis.set_xlabel(x, fontsize=9)
    if y is None:
        axis.set_yticks([])
    else:
        axis.set_yticks(range(len(sweep.grid.axes[y])), map(_label, sweep.grid.axes[y]))
        axis.set_ylabel(y, fontsize=9)
    axis.tick_params(labelsize=8.5, length=0)
    axis.spines[:].set_visible(False)


def _say_what_luck_finds(figure: Figure, sweep: Sweep) -> None:
    luck = sweep.luck
    where = f" at {sweep.assumed}" if sweep.assumed else ""
    words = (
        f"Framed: the best, net Sharpe {sweep.best_sharpe:.2f}{where}; the best of "
        f"{luck.effective_trials:,.0f} independent trials without skill is expected at "
        f"{luck.expected_max_sharpe:.2f}. {luck.verdict}: deflated Sharpe {luck.dsr:.1%}, PBO "
        f"{luck.pbo:.0%}. The best of many flatters."
    )
    figure.supxlabel(textwrap.fill(words, 92), fontsize=8, color=INK)


def _label(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
