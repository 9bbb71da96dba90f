"""What is forecast: the h-bar log return in units of its causal volatility."""

import numpy as np
from jaxtyping import Float, Int

from forecasting.market.panel import Panel


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
