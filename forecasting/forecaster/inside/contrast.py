"""Is a quantity another one on some bars than on the rest? With errors by date, not by cell.

The tickers of one date move together and neighbouring dates resemble each other, so a mean over
cells is far less certain than their number says. Each cell's influence on the mean is summed over
the cells of its date, and the standard error is the Newey-West one of these sums.

Source: Driscoll & Kraay (1998), Consistent covariance matrix estimation with spatially dependent
panel data, Review of Economics and Statistics 80(4); `forecasting.forecast.significance` for the
long-run variance.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from forecasting.forecast.significance import least_dates, standard_error

Cell = Float[np.ndarray, " cell"]


@dataclass(frozen=True)
class Contrast:
    """The mean over some cells, and what it is more than that over all others.

    Attributes:
        mean: Over these cells, in the unit of the values.
        mean_error: Its standard error; NaN where fewer dates than `significance.least_dates` have
            such a cell.
        difference: From the mean over the other cells.
        t: The difference over its standard error; NaN where too few dates have such a cell, or any
            other one.
        p: Two-sided, under Student's t.
        cells: How many these are.
        dates: On how many dates.
    """

    mean: float
    mean_error: float
    difference: float
    t: float
    p: float
    cells: int
    dates: int


def contrast(
    values: Cell, inside: Bool[np.ndarray, " cell"], date: Int[np.ndarray, " cell"]
) -> Contrast:
    """Compare the mean of the values inside with that outside.

    Args:
        values: One a cell, finite.
        inside: Which cells; the choice may look at anything but the values.
        date: Index of each cell's date, not negative, ascending with time.
    """
    cells, dates = int(inside.sum()), _count(date[inside])
    mean, within = _influence(values, inside)
    other, outside = _influence(values, ~inside)
    mean_error = error = t = p = np.nan
    if dates >= least_dates(1):
        mean_error = _error(within, date)
        if _count(date[~inside]) >= least_dates(1):
            error = _error(within - outside, date)
            t = (mean - other) / error if error > 0 else 0.0
            p = float(2 * special.stdtr(_count(date) - 1, -abs(t)))
    return Contrast(mean, mean_error, mean - other, t, p, cells, dates)


def _influence(values: Cell, inside: Bool[np.ndarray, " cell"]) -> tuple[float, Cell]:
    """The mean inside, and how far each cell moves it, times the number of cells."""
    if not inside.any():
        return np.nan, np.full(len(values), np.nan)
    mean = float(values[inside].mean())
    return mean, np.where(inside, (values - mean) / inside.mean(), 0.0)


def _error(influence: Cell, date: Int[np.ndarray, " cell"]) -> float:
    """Standard error of the mean influence, summed by date first."""
    sums = np.bincount(date, influence)[np.bincount(date) > 0]
    return standard_error(sums * len(sums) / len(influence), 1)


def _count(date: Int[np.ndarray, " cell"]) -> int:
    return int(np.count_nonzero(np.bincount(date)))
