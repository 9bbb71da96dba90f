"""Is the mean of a date series what it should be? The test under every error bar of the scores."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from forecasting.evaluation.scores.date_means import date_means
from forecasting.forecast.significance import least_dates, standard_error

LEAST_EVENTS = 5
"""Independent events that have to be expected before a share of them is tested."""


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


def share_test(
    hits: Float[np.ndarray, " cell"],
    date: Int[np.ndarray, " cell"],
    horizon: int,
    expected: float,
) -> DateTest:
    """`cell_test` of a share, of 1 and 0 or of what goes with them, that should be `expected`.

    The rarer of hit and miss decides how much a span can say: labels of h bars are n / h, so there
    are min(expected, 1 - expected) n / h independent events to come. With fewer than `LEAST_EVENTS`
    the error and the test are NaN: a few clusters say nothing of their own spread, and at 500 dates
    of 12 tickers a true 1 % value at risk 21 bars ahead would be rejected at 5 % in one of five
    simulated spans.
    """
    return rare(cell_test(hits, date, horizon, expected), horizon, expected)


def rare(test: DateTest, horizon: int, share: float) -> DateTest:
    """The test, without error, t and p if too few independent events of this share are expected."""
    if min(share, 1 - share) * test.n_dates / horizon >= LEAST_EVENTS * (1 - 1e-12):
        return test
    return DateTest(test.mean, np.nan, np.nan, np.nan, test.n_dates)


def date_weights(date: Int[np.ndarray, " cell"]) -> Float[np.ndarray, " cell"]:
    """Weights of the cells in a mean over tickers first and dates second; they add up to 1."""
    count = np.bincount(date)
    return 1 / (count[date] * (count > 0).sum())
