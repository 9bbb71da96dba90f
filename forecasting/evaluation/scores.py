"""Proper scores and calibration of Student-t forecasts, cell by cell, then date by date.

A cell is one (ticker, origin bar) at one horizon. Means are taken over the tickers of a date first
and over dates second: tickers of one day share their shocks, days hardly do.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from forecasting.forecast import student_t

Cells = Float[np.ndarray, " cell"]

LEVELS = (0.5, 0.8, 0.95)
"""Central intervals whose coverage and width are reported."""


def score_cells(returns: Cells, loc: Cells, scale: Cells, df: Cells) -> pd.DataFrame:
    """Score the forecast of every cell against what happened.

    Args:
        returns: Log return over the next h bars, decimal, known h bars after the origin.
        loc: Location of the forecast, decimal, known at the origin.
        scale: Scale, decimal, known at the origin.
        df: Degrees of freedom, > 1, known at the origin.

    Returns:
        One row a cell, NaN where an input is NaN: `nll` (negative log likelihood, nats), `crps`
        (decimal log return), `pit` (probability that was given to an outcome at or below this one),
        and for each of the central 50, 80 and 95 % intervals `cover50` ... (1 inside, 0 outside)
        and `width50` ... (decimal log return).

    Source: Gneiting & Raftery (2007), Strictly Proper Scoring Rules, Journal of the American
    Statistical Association 102(477).
    """
    pit = student_t.distribution(returns, loc, scale, df)
    scores = {
        "nll": -student_t.log_density(returns, loc, scale, df),
        "crps": student_t.crps(returns, loc, scale, df),
        "pit": pit,
    }
    for level in LEVELS:
        scores[f"cover{level:.0%}"[:-1]] = covered(pit, level)
    for level in LEVELS:
        scores[f"width{level:.0%}"[:-1]] = interval_width(scale, df, level)
    frame = pd.DataFrame(scores)
    frame.loc[~np.isfinite(pit)] = np.nan
    return frame


def covered(pit: Cells, level: float) -> Cells:
    """Whether the outcome fell into the central interval: 1, 0, or NaN where the PIT is NaN."""
    inside = (np.abs(pit - 0.5) <= level / 2).astype(float)
    return np.where(np.isnan(pit), np.nan, inside)


def interval_width(scale: Cells, df: Cells, level: float) -> Cells:
    """Width of the central interval that holds `level` of the probability, decimal log return."""
    return 2 * scale * student_t.quantile((1 + level) / 2, np.zeros_like(df), np.ones_like(df), df)


def date_means(values: Cells, date: Int[np.ndarray, " cell"]) -> Float[np.ndarray, " date"]:
    """Mean over the tickers of each date, dates ascending; NaN cells and empty dates are left out.

    Args:
        values: One value a cell.
        date: Index of the cell's origin bar.
    """
    known = np.isfinite(values)
    count = np.bincount(date[known])
    total = np.bincount(date[known], weights=values[known])
    return total[count > 0] / count[count > 0]
