"""How closely forecasts and outcomes go together: one number a date, so that its error is known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.evaluation.scores.date_means import date_means
from forecasting.forecast.significance import least_dates, standard_error

CERTAINTY = 3.09
"""Standard errors that an alarm needs: one-sided 0.1 %, for an audit makes dozens of tests."""
LEAST_TICKERS = 5
"""Tickers below which a date has no correlation across tickers."""
LEAST_BARS = 20
"""Bars below which a ticker has no correlation over time."""

Grid = Float[np.ndarray, "time ticker"]
Dates = Float[np.ndarray, " date"]
Axis = Literal[0, 1]


@dataclass(frozen=True)
class Estimate:
    """A mean over dates.

    Attributes:
        value: The mean.
        error: Its Newey-West standard error; NaN where there are too few dates for one.
        n_dates: Dates in the mean.
    """

    value: float
    error: float
    n_dates: int

    def surely_above(self, value: float) -> bool:
        """Whether the estimate lies further above `value` than luck would put it."""
        return self.value - value > CERTAINTY * self.error


def estimate(values: Dates, horizon: int) -> Estimate:
    """The mean of one number a date, and its error.

    Args:
        values: Dates ascending, finite.
        horizon: Bars by which neighbours overlap.
    """
    n = len(values)
    if n < least_dates(horizon):
        return Estimate(np.nan, np.nan, n)
    return Estimate(float(values.mean()), standard_error(values, horizon), n)


def over_dates(values: Grid) -> Dates:
    """Mean over the tickers of each date that has a value, dates ascending."""
    date, ticker = np.nonzero(np.isfinite(values))
    return date_means(values[date, ticker], date)


def products(values: Grid, outcomes: Grid, *, axis: Axis, ranked: bool = False) -> Grid:
    """Products of standard scores, whose mean is the correlation of values and outcomes.

    Args:
        values: What was said at each bar; NaN where nothing was.
        outcomes: What happened after it; NaN where it is not known.
        axis: 1 correlates across the tickers of each bar (the information coefficient), 0 over the
            bars of each ticker.
        ranked: Of ranks (Spearman) instead of values (Pearson).

    Returns:
        NaN where either is missing, too few are there (`LEAST_TICKERS`, `LEAST_BARS`), or they do
        not vary.
    """
    known = np.isfinite(values) & np.isfinite(outcomes)
    least = LEAST_TICKERS if axis == 1 else LEAST_BARS
    one, other = (
        _standard_scores(np.where(known, x, np.nan), axis, least, ranked)
        for x in (values, outcomes)
    )
    return one * other


def _standard_scores(values: Grid, axis: Axis, least: int, ranked: bool) -> Grid:
    if ranked:
        values = pd.DataFrame(values).rank(axis=axis).to_numpy()
    known = np.isfinite(values)
    count = known.sum(axis=axis, keepdims=True)
    divisor = np.maximum(count, 1)
    square = np.where(known, values**2, 0.0).sum(axis=axis, keepdims=True) / divisor
    centred = values - np.where(known, values, 0.0).sum(axis=axis, keepdims=True) / divisor
    variance = np.where(known, centred**2, 0.0).sum(axis=axis, keepdims=True) / divisor
    # Below this they are constant up to rounding, and their correlation says nothing.
    varies = (count >= least) & (variance > 1e-18 * square)
    return centred / np.sqrt(np.where(varies, variance, np.nan))
