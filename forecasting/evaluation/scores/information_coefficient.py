"""Information coefficients: does the forecast order the tickers of a date, and for how long?

The score is the expected return of the law. A date counts only with `LEAST_TICKERS` or more: below,
its coefficient scatters by more than 0.14.

Source: Grinold & Kahn (1999), Active Portfolio Management, chapter 6; errors as in `date_test`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_test import date_test
from forecasting.evaluation.scores.own_bars import own_lag
from forecasting.forecast.significance import least_dates

LEAST_TICKERS = 50
DECAY_LAGS = (0, 1, 2, 5, 10, 20)

Values = Float[np.ndarray, " cell"]
Dates = Float[np.ndarray, " date"]
Date = Int[np.ndarray, " cell"]


def ranks(values: Values, date: Date) -> Values:
    """Rank among the tickers of the date, 1 the lowest, ties sharing the mean of theirs."""
    return pd.Series(values).groupby(date).rank().to_numpy()


def date_correlations(x: Values, y: Values, date: Date, least: int = LEAST_TICKERS) -> Dates:
    """Pearson's correlation over the tickers of each date; of `ranks` it is Spearman's.

    Returns:
        One a date with a cell, ascending; NaN where fewer than `least` tickers have both numbers,
        and where one of the two is the same for all: then there is no order to be right about.
    """
    known = np.isfinite(x) & np.isfinite(y)
    _, row = np.unique(date, return_inverse=True)
    n_dates = int(row.max(initial=-1)) + 1
    row, x, y = row[known], x[known], y[known]
    count = np.bincount(row, minlength=n_dates)
    (dx, constant_x), (dy, constant_y) = (centred(v, row, count) for v in (x, y))
    product, square_x, square_y = (
        np.bincount(row, weights, n_dates) for weights in (dx * dy, dx**2, dy**2)
    )
    undefined = (count < max(least, 2)) | constant_x | constant_y
    variance = np.where(undefined, np.nan, square_x * square_y)
    return product / np.sqrt(variance)


def rank_correlations(x: Values, y: Values, date: Date, least: int = LEAST_TICKERS) -> Dates:
    """Spearman's correlation over the tickers of each date, as `date_correlations`."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    return date_correlations(ranks(x, date), ranks(y, date), date, least)


def finite(values: Dates) -> Float[np.ndarray, " known_date"]:
    """The dates that have a number."""
    return values[np.isfinite(values)]


def decay_table(
    cells: Sequence[Cells], forecasters: Sequence[str], lags: tuple[int, ...] = DECAY_LAGS
) -> pd.DataFrame:
    """Rank IC of a forecast with the returns over h bars that begin some bars later.

    Returns:
        One row a horizon, lag and forecaster: forecaster, horizon, lag (bars of the ticker),
        rank_ic, standard_error, t, p and n_dates; NaN as in `ranking_table`.
    """
    rows = []
    for part in cells:
        for lag in lags:
            later = own_lag(part.date, part.ticker, -lag)
            kept = later >= 0
            date = part.date[kept]
            outcome = ranks(part.returns[later[kept]], date)
            for name in forecasters:
                score = ranks(part.laws[name].mean[kept], date)
                test = date_test(finite(date_correlations(score, outcome, date)), part.horizon)
                enough = test.n_dates >= least_dates(part.horizon)
                rows.append(
                    {
                        "forecaster": name,
                        "horizon": part.horizon,
                        "lag": lag,
                        "rank_ic": test.mean if enough else np.nan,
                        "standard_error": test.standard_error,
                        "t": test.t,
                        "p": test.p,
                        "n_dates": test.n_dates,
                    }
                )
    return pd.DataFrame(rows)


def centred(
    values: Values, row: Date, count: Int[np.ndarray, " date"]
) -> tuple[Values, Bool[np.ndarray, " date"]]:
    """Values less their date's mean, and the dates on which they are one number, rounding aside."""
    distance = values - (np.bincount(row, values, len(count)) / np.maximum(count, 1))[row]
    spread, size = np.zeros(len(count)), np.zeros(len(count))
    np.maximum.at(spread, row, np.abs(distance))
    np.maximum.at(size, row, np.abs(values))
    return distance, spread <= 1e-12 * size
