"""Is the mean of a dependent series above zero? One test and one verdict for every comparison.

[1] Newey & West (1987), A simple, positive semi-definite, heteroskedasticity and autocorrelation
    consistent covariance matrix, Econometrica 55(3).
[2] Newey & West (1994), Automatic lag selection in covariance matrix estimation, Review of
    Economic Studies 61(4).
[3] Harvey, Leybourne & Newbold (1997), Testing the equality of prediction mean squared errors,
    International Journal of Forecasting 13(2), equation 8.
[4] Kiefer & Vogelsang (2005), A new asymptotic theory for heteroskedasticity-autocorrelation robust
    tests, Econometric Theory 21(6), table 1 (Bartlett kernel).
[5] Lazarus, Lewis, Stock & Watson (2018), HAR inference: recommendations for practice, Journal of
    Business & Economic Statistics 36(4).

The series holds one number a date: a gain over a baseline (its score less ours) or a return over a
benchmark. Positive is good.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float
from scipy import special

LEVEL = 0.05

Dates = Float[np.ndarray, " date"]


class Verdict(StrEnum):
    """What a comparison allows to be said."""

    BEATS = "BEATS"
    NO_EVIDENCE = "NO EVIDENCE"
    LOSES = "LOSES"
    NOT_ENOUGH_DATA = "NOT ENOUGH DATA"


@dataclass(frozen=True)
class MeanTest:
    """Test of a zero mean.

    Attributes:
        mean: Mean of the series, in its unit.
        t: Mean over its standard error; 0 where the series does not vary.
        p: Two-sided p-value of `t` under Student's t with n - 1 degrees of freedom.
        n: Dates.
    """

    mean: float
    t: float
    p: float
    n: int


def automatic_bandwidth(n: int) -> int:
    """Lags for n dates, floor(4 (n / 100)^(2/9)): the rule of thumb of [2]."""
    return math.floor(4 * (n / 100) ** (2 / 9))


def newey_west_variance(x: Float[np.ndarray, " date"], bandwidth: int) -> float:
    """Long-run variance of `x`, n times the variance of its mean, in the squared unit of `x`.

    S = g_0 + 2 sum_{l=1}^{L} (1 - l / (L + 1)) g_l with the autocovariances
    g_l = 1/n sum_t (x_t - mean)(x_{t-l} - mean); never negative.

    Args:
        x: One number a date, in order.
        bandwidth: Lags L; at least h - 1 for forecasts of h bars that overlap.

    Raises:
        ValueError: Fewer than two numbers, one that is not finite, or a bandwidth outside
            [0, n - 1].

    Source: [1], equation 5, for a mean.
    """
    n = len(x)
    if n < 2 or not np.isfinite(x).all():
        raise ValueError(f"expected at least two finite numbers, got {n}")
    if not 0 <= bandwidth < n:
        raise ValueError(f"bandwidth {bandwidth} lies outside [0, {n - 1}]")
    centred = x - x.mean()
    total = float(centred @ centred)
    for lag in range(1, bandwidth + 1):
        total += 2 * (1 - lag / (bandwidth + 1)) * float(centred[lag:] @ centred[:-lag])
    return max(total, 0.0) / n


def mean_test(
    x: Float[np.ndarray, " date"], bandwidth: int | None = None, *, horizon: int = 1
) -> MeanTest:
    """Test whether the mean of `x` is zero, with Newey-West errors.

    t = mean / sqrt(S / n) * sqrt((n + 1 - 2h + h (h - 1) / n) / n), whose last factor equals
    sqrt((n - h)(n - h + 1)) / n: for loss differences of h-bar forecasts this is the
    Diebold-Mariano test with the small-sample factor of [3].

    Args:
        x: One number a date, in order.
        bandwidth: Lags of the long-run variance; by default the larger of `automatic_bandwidth`
            and `horizon - 1`.
        horizon: Bars h that each number spans; spans of neighbours overlap by h - 1 bars.

    Raises:
        ValueError: As `newey_west_variance`, or a horizon outside [1, n - 1].
    """
    n = len(x)
    if not 1 <= horizon < n:
        raise ValueError(f"{n} dates are too few for spans of {horizon} bars")
    if bandwidth is None:
        bandwidth = max(automatic_bandwidth(n), horizon - 1)
    variance = newey_west_variance(x, bandwidth)
    mean = float(x.mean())
    # Below this the series is constant up to rounding, and its variance says nothing.
    if variance <= (1e-12 * float(np.abs(x).max())) ** 2:
        return MeanTest(mean, 0.0, 1.0, n)
    t = mean / math.sqrt(variance / n) * math.sqrt((n - horizon) * (n - horizon + 1)) / n
    return MeanTest(mean, t, float(2 * special.stdtr(n - 1, -abs(t))), n)


def verdict(test: MeanTest, level: float = LEVEL) -> Verdict:
    """BEATS or LOSES where the two-sided p-value is below `level`, else NO EVIDENCE.

    A test that could not be made has no p-value (NaN): NOT ENOUGH DATA.
    """
    if math.isnan(test.p):
        return Verdict.NOT_ENOUGH_DATA
    if test.p >= level:
        return Verdict.NO_EVIDENCE
    return Verdict.BEATS if test.mean > 0 else Verdict.LOSES


def least_dates(horizon: int) -> int:
    """Dates below which no test is made: five labels that do not overlap, and twenty at least."""
    return max(20, 5 * horizon)


def bandwidth(n_dates: int, horizon: int) -> int:
    """Lags of the long-run variance: max(3 (h - 1), 1.3 sqrt(n)), at most n - 1.

    1.3 sqrt(n) is the rule of [5]; three times the overlap keeps the Bartlett weights, which fall
    with the lag, from missing a third of the variance that the overlap causes.
    """
    return min(n_dates - 1, max(3 * (horizon - 1), int(1.3 * np.sqrt(n_dates))))


def standard_error(values: Dates, horizon: int) -> float:
    """Standard error of the mean of values that overlap by `horizon` - 1 dates.

    sqrt(S / n) with the Newey-West variance S, times two corrections for having estimated S from
    the same n values: the inverse of the factor of [3], sqrt((n + 1 - 2h + h (h - 1) / n) / n),
    and the ratio of the fixed-b critical value of [4] to the normal one at two-sided 5 %,
    1 + (2.9694 b + 0.4160 b^2 - 0.5324 b^3) / 1.96, b = (lags + 1) / n.
    """
    n, lags = len(values), bandwidth(len(values), horizon)
    small_sample = np.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    b = (lags + 1) / n
    fixed_b = 1 + (2.9694 * b + 0.4160 * b**2 - 0.5324 * b**3) / 1.96
    return float(np.sqrt(newey_west_variance(values, lags) / n) * fixed_b / small_sample)
