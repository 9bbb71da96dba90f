"""Returns of calendar months and years."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

YEAR = "year"
"""Name of the column with the whole year's return."""


def monthly_returns(
    times: Shaped[np.ndarray, " time"], equity: Float[np.ndarray, " time"]
) -> pd.DataFrame:
    """One row a calendar year, columns 1 to 12 and `YEAR`: simple returns, decimal.

    A period's return is its last equity over the last equity before the period, - 1; the first one
    starts at the first equity. So returns compound to the whole span's over months and over years,
    whatever the bars (hours, days, gaps). A bar belongs to the month of its time. NaN where a
    month has no bar, or where only the first bar of the curve, which has no return, lies in it;
    also where the equity before is not positive.
    """
    months, monthly = _period_returns(times, equity, "datetime64[M]")
    years, yearly = _period_returns(times, equity, "datetime64[Y]")
    grid = np.full((len(years), 13), np.nan)
    grid[np.searchsorted(years, months // 12), months % 12] = monthly
    grid[:, 12] = yearly
    columns = pd.Index([*range(1, 13), YEAR], dtype=object, name="month")
    return pd.DataFrame(grid, index=pd.Index(1970 + years, name="year"), columns=columns)


def _period_returns(
    times: Shaped[np.ndarray, " time"], equity: Float[np.ndarray, " time"], unit: str
) -> tuple[Int[np.ndarray, " period"], Float[np.ndarray, " period"]]:
    """The calendar periods that have a bar, counted from 1970, and the return over each."""
    period = times.astype(unit).astype(int)
    ends = np.flatnonzero(np.append(period[1:] != period[:-1], True))
    before = np.append(equity[:1], equity[ends[:-1]])
    returns = np.divide(equity[ends], before, out=np.full(len(ends), np.nan), where=before > 0)
    if ends[0] == 0:
        returns[0] = np.nan
    return period[ends], returns - 1
