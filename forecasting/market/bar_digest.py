"""The hash by which the bars of one ticker are known again."""

import hashlib

import numpy as np
from jaxtyping import Bool

from forecasting.market.panel import QUOTED_COLUMNS, Panel


def bars_sha256(panel: Panel, ticker: int, rows: Bool[np.ndarray, " time"]) -> str:
    """Hash of times and values of some bars of one ticker.

    As in the panel's vintage, the computed columns enter only where there are any, and there is
    one NaN and one zero.

    Args:
        panel: Prices.
        ticker: Index of the ticker.
        rows: Which of its bars.
    """
    values = panel.values[rows, ticker]
    if not np.isfinite(values[:, len(QUOTED_COLUMNS) :]).any():
        values = values[:, : len(QUOTED_COLUMNS)]
    values = np.where(np.isnan(values), np.nan, values + 0.0)
    times = panel.times[rows].astype("datetime64[ns]")
    return hashlib.sha256(times.tobytes() + values.tobytes()).hexdigest()
