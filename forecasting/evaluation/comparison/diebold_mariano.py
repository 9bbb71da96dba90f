"""Is a gain more than luck: the Diebold-Mariano test on date means, and what it could have shown.

Forecasts h bars ahead made at consecutive bars share h - 1 of their bars, and volatility clusters,
so the standard error is Newey-West's. The textbook choices (bandwidth h - 1, normal critical
values) reject a true null of overlapping labels in 12 % of simulated spans at h = 21, even with
2,500 dates; a longer bandwidth with fixed-b critical values rejects in 4 to 7 %. This file uses the
latter (`significance.standard_error`): a BEATS over 21 bars has to mean as much as a BEATS over
one.

Source: Diebold & Mariano (1995), Comparing Predictive Accuracy, JBES 13(3).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from forecasting.forecast.significance import (
    LEVEL,
    Dates,
    MeanTest,
    Verdict,
    least_dates,
    standard_error,
    verdict,
)

POWER = 0.8


@dataclass(frozen=True)
class Comparison:
    """Outcome of one Diebold-Mariano test.

    Attributes:
        gain: Mean over dates of rival's loss minus model's loss; positive: the model is better.
        error: Standard error of the gain, corrected so that gain +- t quantile * error is its
            interval; NaN where there are too few dates.
        t: Gain over its error; 0 where the dates all agree.
        p: Two-sided p-value; NaN where there are too few dates for a test.
        detectable: Smallest true gain that a span like this one shows with 80 % power.
        n_dates: Dates in the mean.
    """

    gain: float
    error: float
    t: float
    p: float
    detectable: float
    n_dates: int

    @property
    def tested(self) -> bool:
        """Whether there were dates enough for a test."""
        return bool(np.isfinite(self.p))

    @property
    def verdict(self) -> Verdict:
        """BEATS or LOSES at two-sided 5 %, else NO EVIDENCE; NOT ENOUGH DATA without a test."""
        return verdict(MeanTest(self.gain, self.t, self.p, self.n_dates))


def diebold_mariano(gain: Dates, horizon: int) -> Comparison:
    """Test whether a mean gain differs from zero.

    Args:
        gain: Rival's loss minus model's loss, averaged over the tickers of each date; consecutive
            dates, ascending, finite.
        horizon: Bars ahead of the forecasts, by which their labels overlap.

    Returns:
        The comparison. With fewer than `least_dates` there is no test: error, t, p and detectable
        gain are NaN, and the verdict is NOT ENOUGH DATA.
    """
    n, mean = len(gain), float(gain.mean()) if len(gain) else np.nan
    if n < least_dates(horizon):
        return Comparison(mean, np.nan, np.nan, np.nan, np.nan, n)
    error = standard_error(gain, horizon)
    # Below this all dates agree up to rounding (equal forecasts), and the error says nothing.
    constant = error <= 1e-12 * float(np.abs(gain).max())
    t = 0.0 if constant else mean / error
    reach = stats.t.ppf(1 - LEVEL / 2, n - 1) + stats.t.ppf(POWER, n - 1)
    p = float(2 * stats.t.sf(abs(t), n - 1))
    return Comparison(mean, error, t, p, float(reach * error), n)
