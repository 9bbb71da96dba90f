"""Is the mean of a date series what it should be? The test under every error bar of the scores."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from forecasting.evaluation.scores.date_means import date_means
from forecasting.forecast.significance import least_dates, standard_error

LEAST_EVENTS = 5
"""Independent events to be expected, below which their share is not tested; see `of_events`."""


@dataclass(frozen=True)
class DateTest:
    """Test of the mean of one number a date.

    Attributes:
        mean: Mean over the dates; NaN without dates, or where a number is not finite.
        standard_error: Of the mean, Newey-West with fixed-b correction; NaN below `least_dates`.
        t: Distance from the expected mean in standard errors; NaN where all dates agree.
        p: Two-sided p-value of `t` with n - 1 degrees of freedom.
        n_dates: Dates in the mean.
    """

    mean: float
    standard_error: float
    t: float
    p: float
    n_dates: int


def date_test(
    values: Float[np.ndarray, " date"], horizon: int, expected: float | int = 0
) -> DateTest:
    """Test whether the mean of `values` differs from `expected`.

    Args:
        values: One number a date, consecutive dates ascending.
        horizon: Bars that each number spans; neighbours overlap by h - 1.
        expected: The mean under the null.
    """
    n = len(values)
    mean = float(values.mean()) if n else np.nan
    if n < least_dates(horizon) or not np.isfinite(values).all():
        return DateTest(mean, np.nan, np.nan, np.nan, n)
    error = standard_error(values, horizon)
    # Below this all dates agree up to rounding, and their spread says nothing.
    if error <= 1e-12 * float(np.abs(values).max()):
        return DateTest(mean, error, np.nan, np.nan, n)
    t = (mean - expected) / error
    return DateTest(mean, error, t, float(2 * special.stdtr(n - 1, -abs(t))), n)


def cell_test(
    values: Float[np.ndarray, " cell"],
    date: Int[np.ndarray, " cell"],
    horizon: int,
    expected: float | int = 0,
) -> DateTest:
    """`date_test` of the means over the tickers of each date.

    NaN cells are left out; an infinite one leaves nothing to be said, and all is NaN.
    """
    means = date_means(values, date)
    if np.isinf(values).any():
        means = np.full_like(means, np.nan)
    return date_test(means, horizon, expected)


def of_events(test: DateTest, horizon: int, share: float) -> DateTest:
    """The test of a mean that rests on events of this share; no test where they are too few.

    Labels of h bars are n / h independent ones; the rarer of event and none decides how much they
    say: min(share, 1 - share) n / h events are expected. A few clusters do not know their own
    spread: with 500 dates of 12 tickers a true 1 % value at risk is rejected at 5 % in 22 % of
    simulated spans at h = 21 (0.2 events), a true 90 % interval in 12 % (2.4), in 4 to 10 % where
    `LEAST_EVENTS` or more are expected. Below, t and p are NaN, and the error is a rough guess.
    """
    # A hair less, for a share such as 1 - 0.95 is not exact.
    if min(share, 1 - share) * test.n_dates / horizon >= LEAST_EVENTS - 1e-9:
        return test
    return replace(test, t=np.nan, p=np.nan)


def date_weights(date: Int[np.ndarray, " cell"]) -> Float[np.ndarray, " cell"]:
    """Weights of the cells in a mean over tickers first and dates second; they add up to 1."""
    count = np.bincount(date)
    return 1 / (count[date] * (count > 0).sum())
