"""Means over the tickers of a date: the unit of every test.

Tickers of one day share their shocks, days hardly do; so a loss is averaged over the tickers of
a date first and over dates second.
"""

import numpy as np
from jaxtyping import Float, Int


def date_means(
    values: Float[np.ndarray, " cell"], date: Int[np.ndarray, " cell"]
) -> Float[np.ndarray, " date"]:
    """Mean over the tickers of each date, dates ascending; NaN cells and empty dates are left out.

    Args:
        values: One value a cell.
        date: Index of the cell's origin bar.
    """
    known = np.isfinite(values)
    count = np.bincount(date[known])
    total = np.bincount(date[known], weights=values[known])
    return total[count > 0] / count[count > 0]
