"""Does coverage last? Of each band: in all, in the worst year, in the worst stretch of dates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecasting.evaluation.scores.calibration import coverage_table
from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_means import date_means

WINDOW = 250
"""Dates of the rolling coverage, about a year."""
LEAST_IN_YEAR = 60
"""Dates below which a calendar year is not judged."""


def coverage_by_date(
    part: Cells, forecaster: str, times: np.ndarray, level: float = 0.9
) -> pd.Series:
    """Share of a date's outcomes that fell into the central band, dates ascending.

    Args:
        part: Cells of one horizon.
        forecaster: Whose bands.
        times: Of the span that the cells are of.
        level: 0.5, 0.8, 0.9 or 0.95.
    """
    inside = part.scores[forecaster][f"cover{round(100 * level)}"].to_numpy()
    dates = np.unique(part.date[np.isfinite(inside)])
    index = pd.DatetimeIndex(times[dates], name="origin")
    return pd.Series(date_means(inside, part.date), index, name=forecaster)


def coverage_over_time(
    part: Cells,
    forecaster: str,
    times: np.ndarray,
    level: float = 0.9,
    window: int = WINDOW,
) -> pd.Series:
    """Mean coverage of the last `window` dates at each date, NaN where there are fewer."""
    return coverage_by_date(part, forecaster, times, level).rolling(window).mean()


def coverage_by_year(
    part: Cells, forecaster: str, times: np.ndarray, level: float = 0.9
) -> pd.Series:
    """Mean coverage of each calendar year (of the origin) with at least `LEAST_IN_YEAR` dates."""
    by_date = coverage_by_date(part, forecaster, times, level)
    years = by_date.groupby(pd.DatetimeIndex(by_date.index).year)
    return years.mean()[years.count() >= LEAST_IN_YEAR].rename_axis("year")


def conformal_table(
    cells: Sequence[Cells],
    forecasters: Sequence[str],
    times: np.ndarray,
    window: int = WINDOW,
) -> pd.DataFrame:
    """Coverage of each central band, and where it was worst; dates are the unit.

    Args:
        cells: Of each horizon, of one span.
        forecasters: Whose bands: a forecast, and the same after calibration.
        times: Of the span.
        window: Dates of the rolling coverage.

    Returns:
        The columns of `coverage_table`, and with them worst_year and worst_year_coverage (the
        calendar year farthest from the level), worst_until and worst_rolling_coverage (last date
        of the stretch of `window` dates farthest from it); missing where the span has no such year
        or stretch.
    """
    table = coverage_table(cells, forecasters)
    parts = {part.horizon: part for part in cells}
    worst = []
    for name, horizon, level in table[["forecaster", "horizon", "level"]].to_numpy():
        part = parts[horizon]
        year, in_year = _farthest(coverage_by_year(part, name, times, level), level)
        until, in_window = _farthest(coverage_over_time(part, name, times, level, window), level)
        worst.append((year, in_year, until, in_window))
    columns = ["worst_year", "worst_year_coverage", "worst_until", "worst_rolling_coverage"]
    worst_table = pd.DataFrame(worst, table.index, columns)
    return table.join(worst_table.astype({"worst_year": "Int64", "worst_until": "datetime64[ns]"}))


def _farthest(coverage: pd.Series, level: float) -> tuple[Any, float]:
    """Where coverage was farthest from the level, and what it was."""
    known = coverage.dropna()
    if known.empty:
        return None, np.nan
    at = int((known - level).abs().to_numpy().argmax())
    return known.index[at], float(known.iloc[at])
