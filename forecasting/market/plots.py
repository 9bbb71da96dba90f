"""Pictures of prices: which bars there are, and what the adjusted close makes of them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from forecasting.market.panel import Panel
from forecasting.market.symbols import require_tickers

SPLIT_STEP = 1.2
"""Rise of adj_close / close from one bar to the next that is drawn as a split, not as a dividend,
where the source records neither: the smallest usual split is 5 for 4."""
DIVIDEND_STEP = 1.0005
"""Rise from which it is drawn as a dividend; below, it is the rounding of an adjusted close."""

_CLOSE_COLOR, _ADJUSTED_COLOR, _EVENT_COLOR = "#9aa5b1", "#1f5fa8", "#b3261e"
_WIDTH = 8.4


def plot_coverage(panel: Panel) -> Figure:
    """A line a ticker: blue where it has bars, nothing where it has none."""
    figure = Figure(figsize=(_WIDTH, 0.8 + 0.28 * len(panel.tickers)), layout="constrained")
    axis = figure.subplots()
    for k in range(len(panel.tickers)):
        for stretch in np.split(np.arange(len(panel.times)), _edges(panel.mask[:, k])):
            if panel.mask[stretch[0], k]:
                ends = panel.times[stretch[[0, -1]]]
                axis.plot(ends, [k, k], color=_ADJUSTED_COLOR, lw=6, solid_capstyle="butt")
    axis.set_yticks(range(len(panel.tickers)), panel.tickers)
    axis.set_ylim(len(panel.tickers) - 0.4, -0.6)
    axis.set_xlim(panel.times[0], panel.times[-1])
    axis.set_title("where there are bars", fontsize=9)
    _tidy(axis)
    return figure


def plot_prices(panel: Panel, tickers: Sequence[str] | None = None) -> Figure:
    """Close and adjusted close, with the dividends and splits between them.

    A red line is a split with its ratio, a short red stroke at the bottom a dividend. They are the
    recorded ones; where a ticker's source records none, the steps of adj_close / close.

    Args:
        panel: Prices.
        tickers: Which ones; None for all.

    Raises:
        DataError: A ticker is not in the panel.
    """
    shown = panel.tickers if tickers is None else tuple(tickers)
    require_tickers(shown, panel.tickers, panel.source)
    figure = Figure(figsize=(_WIDTH, 2.3 * len(shown) + 0.4), layout="constrained")
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axis, ticker in zip(axes, shown, strict=True):
        _draw_prices(axis, panel, panel.tickers.index(ticker))
    look = {"ncols": 4, "fontsize": 8, "frameon": False}
    lines = {
        line.get_label(): line for axis in axes for line in axis.get_legend_handles_labels()[0]
    }
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", **look)
    return figure


def _draw_prices(axis: Axes, panel: Panel, k: int) -> None:
    rows = np.flatnonzero(panel.mask[:, k])
    times = panel.times[rows]
    close, adj_close = (panel.column(name)[rows, k] for name in ("close", "adj_close"))
    if np.isfinite(close).any():
        axis.plot(times, close, color=_CLOSE_COLOR, lw=1, label="close")
    axis.plot(times, adj_close, color=_ADJUSTED_COLOR, lw=1, label="adjusted close")
    ratio, is_split, is_dividend = _distributions(panel, rows, k)
    for bar in np.flatnonzero(is_split).tolist():
        axis.axvline(times[bar], color=_EVENT_COLOR, lw=0.8)
        axis.annotate(
            f"split {ratio[bar]:.3g}",
            (times[bar], 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -9),
            textcoords="offset points",
            fontsize=8,
            color=_EVENT_COLOR,
        )
    if is_dividend.any():
        axis.vlines(
            times[is_dividend],
            0,
            0.06,
            color=_EVENT_COLOR,
            lw=0.8,
            label="dividend",
            transform=axis.get_xaxis_transform(),
        )
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_ylabel(f"{panel.tickers[k]}, log scale", fontsize=9)
    _tidy(axis)


def _distributions(
    panel: Panel, rows: np.ndarray, k: int
) -> tuple[np.ndarray, Bool[np.ndarray, " bar"], Bool[np.ndarray, " bar"]]:
    """Split ratios, where there is a split, and where there is a dividend."""
    split, dividend = panel.column("split")[rows, k], panel.column("dividend")[rows, k]
    if np.isfinite(split).any() or np.isfinite(dividend).any():
        return split, np.isfinite(split) & (split != 1), dividend > 0
    factor = panel.column("adj_close")[rows, k] / panel.column("close")[rows, k]
    step = np.r_[1.0, factor[1:] / factor[:-1]]
    is_split = (step > SPLIT_STEP) | (step < 1 / SPLIT_STEP)
    return step, is_split, ~is_split & (step > DIVIDEND_STEP)


def _edges(mask: Bool[np.ndarray, " time"]) -> np.ndarray:
    """Rows at which a ticker's bars begin or end."""
    return np.flatnonzero(mask[1:] != mask[:-1]) + 1


def _tidy(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
