"""What the variance of the next h bars was, as well as the prices can tell.

A squared return is unbiased and hardly says anything; sums of intraday squares, or of ranges, say
far more, but miss what happens between trades and, by a drift or by prices that are watched only
now and then, the level. So they are multiplied by one number a horizon that gives them the mean of
the squared returns, measured on bars before those that are scored.

Sources: Patton (2011), Volatility forecast comparison using imperfect volatility proxies, Journal
of Econometrics 160(1); Hansen & Lunde (2005), A Realized Variance for the Whole Day Based on
Intermittent High-Frequency Data, Journal of Financial Econometrics 3(4), for the scaling.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from forecasting.evaluation.scores.date_means import date_means
from forecasting.market.features.bars import Bars
from forecasting.market.features.history import ticker_bars
from forecasting.market.membership import of_members
from forecasting.market.panel import Panel
from forecasting.market.sequences import VOLATILITY_DECAY
from forecasting.market.targets import future_log_returns
from forecasting.market.volatility import trailing_mean

REALISED = "realised variance + overnight"
RANGE = "range variance + overnight"
SQUARED = "squared return"

Grid = Float[np.ndarray, "time ticker horizon"]


class VarianceProxy(NamedTuple):
    """Variance of the next h bars in hindsight.

    Attributes:
        values: Decimal squared; NaN where a bar of the next h, or one of its prices, is missing.
            Known at the close of bar t + h.
        name: What it was computed from, and how it was scaled, in words; of each horizon.
    """

    values: Grid
    names: tuple[str, ...]


def variance_proxy(
    span: Panel, horizons: tuple[int, ...], training: Panel | None = None
) -> VarianceProxy:
    """The best proxy that the prices of every ticker allow.

    Realised variance of intraday bars plus the squared overnight return; else range variance
    (Parkinson) plus the squared overnight return; else the squared h-bar return.

    Args:
        span: Bars that are scored.
        horizons: Bars ahead.
        training: Bars before them, on which the scale of the proxy is measured on members,
            dates before tickers; None, or bars too few for a label, leaves it unscaled, and the
            name says so.
    """
    kind = _kind(span)
    values = _summed(span, horizons, kind)
    if kind == SQUARED:
        return VarianceProxy(values, (SQUARED,) * len(horizons))
    scales = _scales(training, horizons, kind)
    names = tuple(
        f"{kind}, x {scale:.3g}" if np.isfinite(scale) else f"{kind}, unscaled" for scale in scales
    )
    return VarianceProxy(values * np.where(np.isfinite(scales), scales, 1.0), names)


def _kind(panel: Panel) -> str:
    """The best kind that every ticker with a bar allows: one that is gone, or yet to come, is none.

    Without any bar it does not matter: there is nothing to sum.
    """
    traded = np.flatnonzero(panel.mask.any(axis=0))
    panel = panel.select([panel.tickers[k] for k in traded]) if len(traded) else panel
    if panel.has("open", "close", "realized_variance"):
        return REALISED
    return RANGE if panel.has("open", "high", "low", "close") else SQUARED


def _summed(panel: Panel, horizons: tuple[int, ...], kind: str) -> Grid:
    """Sum of the variances of each ticker's next h bars."""
    if kind == SQUARED:
        return future_log_returns(panel, horizons)[0] ** 2
    sums = np.full((*panel.mask.shape, len(horizons)), np.nan)
    for k in np.flatnonzero(panel.mask.any(axis=0)):
        rows, bars = ticker_bars(panel, int(k), VOLATILITY_DECAY)
        variance = _of_bar(bars, kind)
        for j, h in enumerate(horizons):
            if len(rows) > h:
                sums[rows[:-h], k, j] = h * trailing_mean(variance, h)[h:]
    return sums


def _of_bar(bars: Bars, kind: str) -> Float[np.ndarray, " bar"]:
    if kind == REALISED:
        return bars.realized_variance + bars.overnight**2
    return bars.range_variance


def _scales(training: Panel | None, horizons: tuple[int, ...], kind: str) -> list[float]:
    """Mean squared return over mean proxy of each horizon; NaN where nothing tells."""
    if training is None or _kind(training) != kind:
        return [np.nan] * len(horizons)
    squares = of_members(future_log_returns(training, horizons)[0] ** 2, training.member)
    proxies = _summed(training, horizons, kind)
    scales = []
    for j in range(len(horizons)):
        at = np.nonzero(np.isfinite(squares[:, :, j]) & np.isfinite(proxies[:, :, j]))
        square, proxy = (date_means(grid[*at, j], at[0]) for grid in (squares, proxies))
        known = len(proxy) > 0 and proxy.mean() > 0
        scales.append(float(square.mean() / proxy.mean()) if known else np.nan)
    return scales
