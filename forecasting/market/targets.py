"""What is forecast: the h-bar log return in units of its causal volatility.

And what may be learnt beside it: the range variance of the same bars, and the rank of the return
among the tickers.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from forecasting.market.features.history import ticker_bars
from forecasting.market.panel import Panel
from forecasting.market.volatility import trailing_mean

LEAST_RANKED = 5
"""Tickers below which a rank says too little."""


def scaled_targets(
    panel: Panel, volatility: Float[np.ndarray, "time ticker"], horizons: tuple[int, ...]
) -> tuple[Float[np.ndarray, "time ticker horizon"], Int[np.ndarray, "time ticker horizon"]]:
    """Targets z = log(p_{t+h} / p_t) / (volatility_t * sqrt(h)) and when each becomes known.

    Bars are the ticker's own: h bars ahead skips the bars on which the ticker does not trade.

    Args:
        panel: Prices; p is the adjusted close.
        volatility: Decimal one-bar volatility known at t.
        horizons: Bars ahead.

    Returns:
        Targets, NaN where bar t + h is not there; and the index in `panel.times` of bar t + h, at
        whose close the target becomes known, len(panel.times) where it is not there.
    """
    returns, label_end = future_log_returns(panel, horizons)
    return returns / (volatility[:, :, None] * np.sqrt(horizons)), label_end


def volatility_grid(panel: Panel, decay: float) -> Float[np.ndarray, "time ticker"]:
    """EWMA volatility of one bar, decimal, known at its close; NaN without a bar or in warm-up."""
    grid = np.full(panel.mask.shape, np.nan)
    for k in range(len(panel.tickers)):
        rows, bars = ticker_bars(panel, k, decay)
        grid[rows, k] = bars.volatility
    return grid


def future_log_returns(
    panel: Panel, horizons: tuple[int, ...]
) -> tuple[Float[np.ndarray, "time ticker horizon"], Int[np.ndarray, "time ticker horizon"]]:
    """Decimal log returns over the next h bars of each ticker, and when each becomes known."""
    shape = (*panel.mask.shape, len(horizons))
    returns = np.full(shape, np.nan)
    label_end = np.full(shape, len(panel.times), dtype=np.int64)
    for k in range(len(panel.tickers)):
        rows = np.flatnonzero(panel.mask[:, k])
        log_price = np.log(panel.column("adj_close")[rows, k])
        for j, h in enumerate(horizons):
            if len(rows) > h:
                returns[rows[:-h], k, j] = log_price[h:] - log_price[:-h]
                label_end[rows[:-h], k, j] = rows[h:]
    return returns, label_end


def range_variance_targets(
    panel: Panel, decay: float, horizons: tuple[int, ...]
) -> Float[np.ndarray, "time ticker horizon"]:
    """Targets log(mean(v_{t+1}, ..., v_{t+h}) / volatility_t^2), of v the range variance of a bar.

    The range variance is Parkinson's plus the squared overnight return, see
    `forecasting.market.features.bars`; bars are the ticker's own. Each target becomes known at the
    close of bar t + h, as the return's does.

    Args:
        panel: Prices.
        decay: Weight of the past in the EWMA volatility, which is known at t.
        horizons: Bars ahead.

    Returns:
        Dimensionless; NaN where bar t + h is not there, where open, high, low or close of one of
        the bars is missing (all of a source with closes alone), and where no price moved.
    """
    targets = np.full((*panel.mask.shape, len(horizons)), np.nan)
    for k in range(len(panel.tickers)):
        rows, bars = ticker_bars(panel, k, decay)
        for j, h in enumerate(horizons):
            if len(rows) > h:
                mean = trailing_mean(bars.range_variance, h)[h:]
                mean[mean == 0] = np.nan  # has no logarithm
                targets[rows[:-h], k, j] = np.log(mean / bars.volatility[:-h] ** 2)
    return targets


def rank_targets(
    targets: Float[np.ndarray, "time ticker horizon"],
    label_end: Int[np.ndarray, "time ticker horizon"],
) -> tuple[Float[np.ndarray, "time ticker horizon"], Int[np.ndarray, "time ticker horizon"]]:
    """Centred ranks of the scaled targets among the tickers at the same bar and horizon.

    A rank becomes known with the last of the returns that it compares: while one ticker is halted,
    the ranks of all others wait for its first bars after the halt.

    Args:
        targets: Of `scaled_targets`, with the bars at which they become known.
        label_end: These bars.

    Returns:
        Ranks from -1, the lowest, to 1, equal targets sharing the mean of theirs; NaN where the
        target is, and where fewer than `LEAST_RANKED` tickers have one. And the index in the
        panel's times of the bar at which rank and target are both known.
    """
    ranks = np.full(targets.shape, np.nan)
    for j in range(targets.shape[2]):
        place = pd.DataFrame(targets[:, :, j]).rank(axis=1).to_numpy()  # 1 is the lowest
        n_ranked = np.isfinite(place).sum(axis=1, keepdims=True)
        enough = np.maximum(n_ranked, LEAST_RANKED)
        ranks[:, :, j] = np.where(
            n_ranked < LEAST_RANKED, np.nan, 2 * (place - 1) / (enough - 1) - 1
        )
    ranked = np.isfinite(ranks)
    latest = np.where(ranked, label_end, 0).max(axis=1, keepdims=True)
    return ranks, np.where(ranked, latest, label_end)
