"""Proper scores and calibration of forecasts, cell by cell, then date by date.

A cell is one (ticker, origin bar) at one horizon. Means are taken over the tickers of a date first
and over dates second: tickers of one day share their shocks, days hardly do.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.forecast.law import Law

Cells = Float[np.ndarray, " cell"]

LEVELS = (0.5, 0.8, 0.95)
"""Central intervals whose coverage and width are reported."""


def score_cells(returns: Cells, law: Law) -> pd.DataFrame:
    """Score the forecast of every cell against what happened.

    Args:
        returns: Log return over the next h bars, decimal, known h bars after the origin.
        law: The forecast of each cell, decimal, known at the origin.

    Returns:
        One row a cell, NaN where an input is NaN: `nll` (negative log likelihood, nats), `crps`
        (decimal log return), `pit` (probability that was given to an outcome at or below this one),
        and for each of the central 50, 80 and 95 % intervals `cover50` ... (1 inside, 0 outside)
        and `width50` ... (decimal log return).

    Source: Gneiting & Raftery (2007), Strictly Proper Scoring Rules, Journal of the American
    Statistical Association 102(477).
    """
    pit = law.distribution(returns)
    scores = {
        "nll": -law.log_density(returns),
        "crps": law.crps(returns),
        "pit": pit,
    }
    for level in LEVELS:
        scores[f"cover{level:.0%}"[:-1]] = covered(pit, level)
    for level in LEVELS:
        scores[f"width{level:.0%}"[:-1]] = law.interval_width(level)
    frame = pd.DataFrame(scores)
    frame.loc[~np.isfinite(pit)] = np.nan
    return frame


def covered(pit: Cells, level: float) -> Cells:
    """Whether the outcome fell into the central interval: 1, 0, or NaN where the PIT is NaN."""
    inside = (np.abs(pit - 0.5) <= level / 2).astype(float)
    return np.where(np.isnan(pit), np.nan, inside)
