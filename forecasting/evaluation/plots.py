"""Figures of an evaluation: are the probabilities right, and when was the gain made?"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecasting.evaluation.evaluation import Evaluation
from forecasting.evaluation.scores.proper import LEVELS

_MODEL_COLOR = "#1f5fa8"
_RIVAL_COLORS = ("#8c8c8c", "#d08a2e", "#5b9a5b", "#a05a8c", "#3aa0a0", "#b04a4a")
# One more than colours: forty-two rivals look different.
_MARKERS = ("s", "^", "v", "D", "P", "X", "<")


def calibration(evaluation: Evaluation) -> Figure:
    """PIT histograms of the model, and coverage of the model and its rivals, by horizon.

    Above: share of outcomes in each twentieth of the forecast probability; right probabilities give
    equal shares, inside the grey band 95 % of the time. Below: how many percentage points more (or
    fewer) outcomes fell into the central intervals than should have.
    """
    columns = len(evaluation.horizons)
    figure = Figure(figsize=(9, 5.4), dpi=100, layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False, sharey="row")
    for j, horizon in enumerate(evaluation.horizons):
        _draw_pit(axes[0, j], evaluation.pit.query("horizon == @horizon"))
        _draw_coverage(axes[1, j], evaluation, horizon)
        axes[0, j].set_title(_ahead(horizon), fontsize=10)
    axes[0, 0].set_ylabel("share over its due", fontsize=9)
    axes[1, 0].set_ylabel("coverage, points over nominal", fontsize=9)
    axes[0, 0].legend(loc="upper center", fontsize=8, frameon=False)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 6),
        fontsize=8,
        frameon=False,
    )
    return figure


def gains_by_part(evaluation: Evaluation) -> Figure:
    """Gains by year and by volatility regime, by horizon, with 95 % intervals.

    Against EWMA-t (grey) and the best baseline of the span (blue), where that is another.
    """
    columns = len(evaluation.horizons)
    figure = Figure(figsize=(9, 5.4), dpi=100, layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False, sharey="col")
    for j, horizon in enumerate(evaluation.horizons):
        parts = evaluation.breakdown.query("horizon == @horizon")
        for axis, by in zip(axes[:, j], ("year", "volatility"), strict=True):
            _draw_gains(axis, parts[parts["by"] == by])
        axes[0, j].set_title(_ahead(horizon), fontsize=10, pad=20)
        legend = axes[0, j].legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8, frameon=False
        )
        # The title leaves room for it; laid out as well, the figure would shift at every drawing.
        legend.set_in_layout(False)
    axes[0, 0].set_ylabel("gain by year, nats a bar", fontsize=9)
    axes[1, 0].set_ylabel("gain by volatility, nats a bar", fontsize=9)
    return figure


def reliability(evaluation: Evaluation) -> Figure:
    """How often the price rose, by the model's chance of a rise, by horizon.

    Bins hold equal numbers of forecasts; bars are 95 % intervals by date. Right probabilities lie
    on the dashed line, probabilities that say nothing on the dotted one.
    """
    columns = len(evaluation.horizons)
    figure = Figure(figsize=(9, 3.2), dpi=100, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis, horizon in zip(axes, evaluation.horizons, strict=True):
        _draw_reliability(axis, evaluation.reliability.query("horizon == @horizon"))
        axis.set_title(_ahead(horizon), fontsize=10)
        axis.set_xlabel("forecast chance of a rise, %", fontsize=9)
    axes[0].set_ylabel(f"{evaluation.model}: rises, %", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    look: dict[str, Any] = {"ncols": len(labels), "fontsize": 8, "frameon": False}
    figure.legend(handles, labels, loc="outside lower center", **look)
    return figure


def _draw_reliability(axis: Axes, bins: pd.DataFrame) -> None:
    forecast, frequency = 100 * bins["forecast"], 100 * bins["frequency"]
    half = 196 * bins["standard_error"].fillna(0.0)
    look: dict[str, Any] = {"color": _MODEL_COLOR, "marker": "o", "ms": 5, "lw": 1.2}
    axis.errorbar(forecast, frequency, yerr=half, label="rises, 95 % interval", **look)
    ends = [forecast.min(), forecast.max()]
    axis.plot(ends, ends, color="#333333", lw=0.9, ls="--", label="right")
    base = float(np.average(frequency, weights=bins["count"]))
    axis.axhline(base, color="#777777", lw=0.9, ls=":", label="all together")
    _tidy(axis)


def _draw_gains(axis: Axes, rows: pd.DataFrame) -> None:
    groups, rivals = list(rows["group"].unique()), list(rows["rival"].unique())
    for k, (rival, color) in enumerate(zip(rivals, (_RIVAL_COLORS[0], _MODEL_COLOR), strict=False)):
        own = rows[rows["rival"] == rival]
        place = np.array([groups.index(group) for group in own["group"]])
        axis.errorbar(
            place + (k - (len(rivals) - 1) / 2) * 0.25,
            own["gain"],
            yerr=1.96 * own["standard_error"].fillna(0.0),
            color=color,
            marker="os"[k],
            ms=5,
            lw=1.2,
            ls="",
            label=f"over {rival}",
        )
    axis.axhline(0, color="#333333", lw=0.8)
    long = len(groups) > 6
    short = [group[-2:] for group in groups] if long else groups
    axis.set_xticks(range(len(groups)), [f"\u2019{s}" for s in short] if long else short)
    axis.set_xlim(-0.6, len(groups) - 0.4)
    _tidy(axis)


def _draw_pit(axis: Axes, bins: pd.DataFrame) -> None:
    low, due = bins["low"].to_numpy(), 1 / len(bins)
    middle, share = low + due / 2, bins["share"].to_numpy() / due
    half = 1.96 * bins["standard_error"].to_numpy() / due
    axis.bar(middle, share - 1, bottom=1, width=0.8 * due, color=_MODEL_COLOR, zorder=2)
    axis.fill_between(
        np.append(low, 1.0),
        np.append(1 - half, 1 - half[-1]),
        np.append(1 + half, 1 + half[-1]),
        step="post",
        color="#dddddd",
        lw=0,
        label="95 % if calibrated",
        zorder=1,
    )
    axis.axhline(1, color="#333333", lw=0.8, zorder=3)
    axis.set_xlim(0, 1)
    axis.set_xlabel("forecast probability (PIT)", fontsize=9)
    _tidy(axis)


def _draw_coverage(axis: Axes, evaluation: Evaluation, horizon: int) -> None:
    scores = evaluation.scores.query("horizon == @horizon").set_index("forecaster")
    names = [evaluation.model, *evaluation.rivals]
    place = np.arange(len(LEVELS))
    for k, name in enumerate(names):
        covered = np.array([scores.loc[name, f"cover{round(q * 100)}"] for q in LEVELS])
        rival = k - 1
        axis.plot(
            place + (k - (len(names) - 1) / 2) * 0.7 / len(names),
            100 * (covered - LEVELS),
            marker="o" if k == 0 else _MARKERS[rival % len(_MARKERS)],
            color=_MODEL_COLOR if k == 0 else _RIVAL_COLORS[rival % len(_RIVAL_COLORS)],
            ms=8 if k == 0 else 5,
            ls="",
            label=name,
        )
    axis.axhline(0, color="#333333", lw=0.8)
    axis.set_xticks(place, [f"{level:.0%}" for level in LEVELS])
    axis.set_xlim(-0.6, len(LEVELS) - 0.4)
    axis.set_xlabel("central interval", fontsize=9)
    _tidy(axis)


def _ahead(horizon: int) -> str:
    return f"{horizon} bar{'s' if horizon > 1 else ''} ahead"


def _tidy(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
