"""Figures of a network's inside: memory, selectivity, experts, attention."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecasting.forecaster.inside.attention import AttentionUse
from forecasting.forecaster.inside.attention_map import AttentionMap
from forecasting.forecaster.inside.cells import REGIMES
from forecasting.forecaster.inside.experts import ExpertUse, p_text
from forecasting.forecaster.inside.memory import Memory
from forecasting.forecaster.inside.selectivity import EDGES, Selectivity

_COLORS = ("#1f5fa8", "#d08a2e", "#5b9a5b", "#a05a8c", "#3aa0a0", "#b04a4a", "#8c8c8c", "#333333")
_REGIME_COLORS = dict(
    zip(("all", *REGIMES), ("#333333", "#3aa0a0", "#d08a2e", "#b04a4a"), strict=True)
)
_EVEN = "#b8b8b8"
_MONTH = 21


def memory_figure(memory: Memory) -> Figure:
    """Half-lives of each layer's states; and, of selective layers, over time.

    Left: share of the weight of a layer's states whose half-life is at most so many bars. Right:
    the geometric mean half-life at each date, as its mean over 21 dates.
    """
    selective = not memory.over_time.empty
    figure, axes = _figure(1, 2 if selective else 1, 3.4)
    for layer, part in memory.states.sort_values("half_life").groupby("layer"):
        axes[0, 0].step(
            part["half_life"], 100 * part["weight"].cumsum(), where="post", **_look(layer)
        )
    axes[0, 0].set_xscale("log")
    axes[0, 0].xaxis.set_major_formatter("{x:g}")
    axes[0, 0].set(xlabel="half-life, bars", ylabel="share of the layer's weight, %")
    axes[0, 0].set_title("How long the states remember", fontsize=10)
    if selective:
        for column, half_life in memory.over_time.items():
            axes[0, 1].plot(half_life.rolling(_MONTH).mean(), lw=1.2, **_look(column))
        axes[0, 1].set(ylabel="half-life, bars (geometric mean)")
        axes[0, 1].set_title(f"Over time, mean of {_MONTH} dates", fontsize=10)
    return _with_legend(figure, axes[0, 0])


def selectivity_figure(selectivity: Selectivity) -> Figure:
    """Step size by move and by volatility, with 95 % intervals; groups as in the table."""
    figure, axes = _figure(1, 2, 3.4, sharey=True)
    titles = {"move": "|return| over its volatility", "volatility": "volatility"}
    for axis, by in zip(axes[0], ("move", "volatility"), strict=True):
        layers = selectivity.table.query("by == @by").groupby("layer")
        for k, (layer, part) in enumerate(layers):
            place = np.arange(len(part)) + 0.12 * (k - (len(layers) - 1) / 2)
            error = (part["step"] - part["low"], part["high"] - part["step"])
            look = {"ms": 3, "lw": 1.2, "elinewidth": 1, "fmt": "o-"}
            axis.errorbar(place, part["step"], error, **look, **_look(layer))
        axis.axhline(1, color=_EVEN, lw=0.8, zorder=0)
        names = [f"{100 * above:.0f}-{100 * upto:.0f}" for above, upto in pairwise(EDGES)]
        axis.set_xticks(range(len(names)), names, rotation=45, fontsize=8)
        axis.set_xlabel(f"{titles[by]}, percentiles of the ticker's bars")
        axis.tick_params(labelleft=True)
    axes[0, 0].set_ylabel("step size over its mean")
    return _with_legend(figure, axes[0, 0])


def experts_figure(use: ExpertUse) -> Figure:
    """Share of the picks that each expert gets, by volatility regime; a panel a layer."""
    layers = use.shares.groupby("layer")
    figure, axes = _figure(1, len(layers), 3.4, sharey=True)
    for axis, (layer, part) in zip(axes[0], layers, strict=True):
        shares = 100 * part.pivot(index="expert", columns="regime", values="share")
        dates = use.loads.query("layer == @layer").set_index("regime")["dates"]
        shown = [name for name in ("all", *REGIMES) if dates[name]]
        for k, name in enumerate(shown):
            place = np.arange(len(shares)) + 0.8 * ((k + 0.5) / len(shown) - 0.5)
            look = {"color": _REGIME_COLORS[name], "label": name}
            axis.bar(place, shares[name], 0.72 / len(shown), **look)
        axis.axhline(100 / len(shares), color=_EVEN, lw=0.8, zorder=0)
        axis.set_xticks(range(len(shares)))
        test = use.tests.query("layer == @layer").iloc[0]
        axis.set_title(f"layer {layer}: V {test.cramers_v:.3f}, {p_text(test.p)}", fontsize=10)
        axis.set_xlabel("expert")
    axes[0, 0].set_ylabel("share of the picks, %")
    return _with_legend(figure, axes[0, 0])


def attention_figure(use: AttentionUse) -> Figure:
    """Weight by lag and regime over that of even attention; a panel a layer.

    Above 1 a layer looks more at a bar so many bars ago than at the others that it sees.
    """
    layers = use.profile.groupby("layer")
    figure, axes = _figure(1, len(layers), 3.4, sharey=True)
    for axis, (layer, part) in zip(axes[0], layers, strict=True):
        for name, rows in part.groupby("regime", sort=False):
            color, width = _REGIME_COLORS[str(name)], 1.8 if name == "all" else 1.0
            relative = rows["weight"] / rows["even"]
            axis.plot(rows["lag"], relative, color=color, lw=width, label=name)
        axis.axhline(1, color=_EVEN, lw=0.8, zorder=0)
        axis.set_title(f"layer {layer}", fontsize=10)
        axis.set_xlabel("lag, bars")
    axes[0, 0].set_ylabel("weight over that of even attention")
    return _with_legend(figure, axes[0, 0])


def map_figure(seen: AttentionMap) -> Figure:
    """An attention map: rows look at columns; each row is scaled by the bars that it sees.

    1 is even attention; white is what a bar cannot see: the future, and what lies beyond its
    window.
    """
    figure, axes = _figure(1, 1, 5.6, width=6.6)
    axis = axes[0, 0]
    lag = np.subtract.outer(np.arange(len(seen.times)), np.arange(len(seen.times)))
    visible = (lag >= 0) & (lag < seen.visible[:, None])
    weights = np.where(visible, seen.weights * seen.visible[:, None], np.nan)
    # The brightest hundredth may not darken all else.
    look = {"cmap": "viridis", "vmin": 0, "vmax": np.nanquantile(weights, 0.99)}
    image = axis.imshow(weights, aspect="equal", interpolation="nearest", **look)
    ticks = np.linspace(0, len(seen.times) - 1, min(6, len(seen.times))).round().astype(int)
    days = [str(pd.Timestamp(seen.times[k]).date()) for k in ticks]
    axis.set_xticks(ticks, days, rotation=30, ha="right", fontsize=8)
    axis.set_yticks(ticks, days, fontsize=8)
    axis.set(xlabel="bar that is looked at", ylabel="bar that looks")
    axis.set_title(f"{seen.ticker}, layer {seen.layer} of {seen.name}", fontsize=10)
    bar = figure.colorbar(image, ax=axis, extend="max", shrink=0.8)
    bar.set_label("weight over that of even attention", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def _figure(rows: int, columns: int, height: float, width: float = 9, **shared: Any) -> Any:
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_size(9)
        axis.yaxis.label.set_size(9)
    return figure, axes


def _look(layer: Any) -> dict[str, Any]:
    return {"color": _COLORS[layer % len(_COLORS)], "label": f"layer {layer}"}


def _with_legend(figure: Figure, axis: Axes) -> Figure:
    handles, labels = axis.get_legend_handles_labels()
    look = {"ncols": min(len(labels), 8), "fontsize": 8, "frameon": False}
    figure.legend(handles, labels, loc="outside lower center", **look)
    return figure
