"""The figure of calibration: rolling coverage before and after, over the market's volatility."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecasting.evaluation.calibration.coverage import WINDOW, coverage_over_time
from forecasting.evaluation.scores.cells import Cells
from forecasting.market.panel import Panel

_BEFORE, _AFTER, _VOLATILITY = "#d08a2e", "#1f5fa8", "#e4e4e4"
_MONTH = 21
_LEAST_RANGE = 3  # percentage points, so that noise does not fill the picture


def coverage_figure(
    cells: Sequence[Cells],
    before: str,
    after: str | None,
    span: Panel,
    level: float = 0.9,
    window: int = WINDOW,
) -> Figure:
    """Coverage of a central band over the trailing `window` dates, one row a horizon.

    Args:
        cells: Of each horizon.
        before: A forecaster.
        after: The same, calibrated; None draws one curve.
        span: The bars that the cells are of; their volatility is the grey area, without a scale of
            its own: the trailing month's root mean square return over all tickers.
        level: Of the band.
        window: Dates.
    """
    figure = Figure(figsize=(9, 2.1 * len(cells) + 0.6), dpi=100, layout="constrained")
    axes = figure.subplots(len(cells), 1, squeeze=False, sharex=True)[:, 0]
    volatility = _market_volatility(span)
    for axis, part in zip(axes, cells, strict=True):
        _shade(axis, volatility)
        for name, color in _curves(before, after):
            rolling = coverage_over_time(part, name, span.times, level, window)
            axis.plot(rolling.index, 100 * rolling, color=color, lw=1.5, label=name)
        axis.axhline(100 * level, color="#333333", lw=0.8, label=f"nominal {level:.0%}")
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, 100 * level - _LEAST_RANGE), max(high, 100 * level + _LEAST_RANGE))
        bars = f"{part.horizon} bar{'s' if part.horizon > 1 else ''} ahead"
        axis.set_ylabel(f"{bars}\ncovered, %", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    axes[0].set_title(
        f"Outcomes inside the {level:.0%} band, last {window} dates; grey: market volatility",
        fontsize=10,
    )
    handles, labels = axes[0].get_legend_handles_labels()
    look = {"ncols": 3, "fontsize": 8, "frameon": False}
    figure.legend(handles, labels, loc="outside lower center", **look)
    return figure


def _curves(before: str, after: str | None) -> tuple[tuple[str, str], ...]:
    return ((before, _AFTER),) if after is None else ((before, _BEFORE), (after, _AFTER))


def _market_volatility(span: Panel) -> pd.Series:
    log_returns = pd.DataFrame(np.log(span.column("adj_close")), span.times).diff()
    return np.sqrt((log_returns**2).mean(axis=1).rolling(_MONTH).mean())


def _shade(axis: Axes, volatility: pd.Series) -> None:
    behind = axis.twinx()
    behind.fill_between(volatility.index, 0, volatility, color=_VOLATILITY, lw=0)
    behind.set_ylim(0, None)
    behind.set_yticks([])
    behind.spines[:].set_visible(False)
    axis.set_zorder(behind.get_zorder() + 1)
    axis.patch.set_visible(False)
