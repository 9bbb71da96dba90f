"""The fan chart: recent prices and the predictive bands that grow out of the last one."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel, day

HISTORY_BARS = 120
_BANDS = ((0.95, "#cfe0f3"), (0.8, "#9fc2e6"), (0.5, "#5f98d0"))


def fan_chart(forecast: Forecast, panel: Panel | None = None) -> Figure:
    """One panel a ticker: the adjusted price and the 50, 80 and 95 % bands of the next bars.

    Bands between the forecast horizons are interpolated in the square root of the bars ahead, as
    volatility grows; at the horizons they are exact.
    """
    shown = [k for k in range(len(forecast.tickers)) if forecast.mask[:, k].any()]
    columns = min(3, max(1, len(shown)))
    rows = -(-max(1, len(shown)) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.ravel()[len(shown) :]:
        axis.set_visible(False)
    for axis, k in zip(axes.ravel(), shown, strict=False):
        _draw(axis, forecast, k, panel)
    bands, names = axes[0, 0].get_legend_handles_labels()
    if bands:
        look = {"ncols": len(bands), "fontsize": 8, "frameon": False}
        figure.legend(bands, names, loc="outside lower center", **look)
    return figure


def _draw(axis: Axes, forecast: Forecast, k: int, panel: Panel | None) -> None:
    row = int(np.flatnonzero(forecast.mask[:, k])[-1])
    price, ticker = float(forecast.price[row, k]), forecast.tickers[k]
    history = _history(panel, ticker, forecast.times[row])
    if len(history):
        axis.plot(np.arange(1 - len(history), 1), history, color="#222222", lw=1)
    ahead = np.arange(0, forecast.horizons[-1] + 1)
    knots = np.sqrt([0, *forecast.horizons])
    for share, color in _BANDS:
        low, high = (
            price * np.exp(np.interp(np.sqrt(ahead), knots, [0.0, *_returns(forecast, row, k, q)]))
            for q in ((1 - share) / 2, (1 + share) / 2)
        )
        axis.fill_between(ahead, low, high, color=color, lw=0, label=f"{share:.0%}")
    axis.axvline(0, color="#999999", lw=0.6)
    axis.set_title(f"{ticker}, after the close of {day(forecast.times[row])}", fontsize=9)
    axis.set_xlabel("bars from the forecast", fontsize=8)
    axis.set_ylabel("adjusted price", fontsize=8)
    axis.tick_params(labelsize=7)


def _returns(forecast: Forecast, row: int, k: int, level: float) -> np.ndarray:
    return forecast.law[row, k].quantile(level)


def _history(panel: Panel | None, ticker: str, until: np.datetime64) -> np.ndarray:
    if panel is None or ticker not in panel.tickers:
        return np.array([])
    prices = panel.column("adj_close")[panel.times <= until, panel.tickers.index(ticker)]
    return prices[np.isfinite(prices)][-HISTORY_BARS:]
