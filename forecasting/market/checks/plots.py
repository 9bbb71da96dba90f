"""The bars around a finding, as a picture."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecasting.market.checks.finding import EVERY_TICKER, Finding
from forecasting.market.checks.summary import moment
from forecasting.market.panel import Panel

AROUND_BARS = 15
_COLORS = {"error": "#b3261e", "warning": "#c77700", "note": "#4a6fa5"}


def plot_finding(panel: Panel, finding: Finding, *, around: int = AROUND_BARS) -> Figure:
    """The ticker's bars around a finding; the bars meant are marked.

    Above, prices as the source quotes them (high to low as a line, open to the left, close to the
    right) or, without a range, the adjusted close; below, the volume if there is any.

    Args:
        panel: The prices that were checked.
        finding: What was found in them.
        around: Bars before the first and after the last one meant.
    """
    k = 0 if finding.ticker == EVERY_TICKER else panel.tickers.index(finding.ticker)
    bars = np.flatnonzero(panel.mask[:, k])
    start, end = np.searchsorted(panel.times[bars], [finding.first, _end_of(finding.last)])
    shown = bars[max(0, start - around) : end + around]
    volume = panel.column("volume")[shown, k]
    with_volume = bool(np.isfinite(volume).any())
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    ratios = [3, 1] if with_volume else [1]
    axes = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_prices(axes[0], panel, shown, k)
    if with_volume:
        axes[1].bar(np.arange(len(shown)), volume / 1e6, color="#9aa5b1")
        axes[1].set_ylabel("million\nshares", fontsize=8)
    first = min(around, start)
    for axis in axes:
        axis.axvspan(
            first - 0.5, first + end - start - 0.5, color=_COLORS[finding.severity], alpha=0.18
        )
        axis.tick_params(labelsize=7)
    ticks = np.linspace(0, len(shown) - 1, min(5, len(shown))).astype(int)
    axes[-1].set_xticks(ticks, [moment(panel.times[shown[tick]]) for tick in ticks])
    axes[0].set_title(f"{finding.ticker}: {finding.check}\n{finding.seen}", fontsize=9)
    return figure


def _draw_prices(axis: Axes, panel: Panel, rows: np.ndarray, ticker: int) -> None:
    open_, high, low, close = (
        panel.column(name)[rows, ticker] for name in ("open", "high", "low", "close")
    )
    at = np.arange(len(rows))
    if np.isfinite(high + low).any():
        axis.vlines(at, low, high, color="#222222", lw=1)
        axis.hlines(open_, at - 0.3, at, color="#222222", lw=1)
        axis.hlines(close, at, at + 0.3, color="#222222", lw=1)
        axis.set_ylabel("price", fontsize=8)
    else:
        axis.plot(at, panel.column("adj_close")[rows, ticker], color="#222222", lw=1, marker=".")
        axis.set_ylabel("adjusted close", fontsize=8)


def _end_of(last: np.datetime64) -> np.datetime64:
    """The first instant after a bar, or after the day where only a day is meant."""
    day = last.astype("datetime64[D]")
    if day == last:
        return (day + 1).astype("datetime64[ns]")
    return last + np.timedelta64(1, "ns")
