"""Is a Sharpe ratio more than luck? Alone, after a number of trials, and how long until one knows.

[1] Bailey & Lopez de Prado (2012), The Sharpe ratio efficient frontier, Journal of Risk 15(2).
[2] Bailey & Lopez de Prado (2014), The deflated Sharpe ratio: correcting for selection bias,
    backtest overfitting and non-normality, Journal of Portfolio Management 40(5).
[3] Li & Ji (2005), Adjusting multiple testing in multilocus analyses using the eigenvalues of a
    correlation matrix, Heredity 95(3).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from forecasting.backtest.statistics import performance
from forecasting.backtest.statistics.performance import LEAST_BARS

CONFIDENCE = 0.95


@dataclass(frozen=True)
class SharpeEstimate:
    """A Sharpe ratio a bar, and what its error depends on.

    Attributes:
        per_bar: Mean over sample standard deviation of returns, of one bar: not a year's.
        skew: g3 of the returns.
        kurtosis: g4 of the returns, raw: 3 for a normal law.
        bars: Returns n that it was estimated from.
    """

    per_bar: float
    skew: float
    kurtosis: float
    bars: int

    @property
    def spread(self) -> float:
        """sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2): its error times sqrt(n - 1), of one bar."""
        square = 1 - self.skew * self.per_bar + (self.kurtosis - 1) / 4 * self.per_bar**2
        return math.sqrt(max(square, 0.0))


def sharpe_estimate(returns: Float[np.ndarray, " bar"]) -> SharpeEstimate:
    """The estimate from simple returns of one bar each; NaN below `LEAST_BARS` of them."""
    if len(returns) < LEAST_BARS:
        return SharpeEstimate(math.nan, math.nan, math.nan, len(returns))
    return SharpeEstimate(
        per_bar=float(performance.sharpe(returns, 1)),
        skew=float(performance.skew(returns)),
        kurtosis=float(performance.excess_kurtosis(returns) + 3),
        bars=len(returns),
    )


def probabilistic_sharpe(estimate: SharpeEstimate, threshold: float | int = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds a threshold, given as of one bar.

    Z[(SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)]: independent returns of any
    skew and kurtosis.

    Source: [1], equation 4; the kurtosis is raw.
    """
    error = estimate.spread / math.sqrt(max(estimate.bars - 1, 1))
    return float(special.ndtr((estimate.per_bar - threshold) / error)) if error > 0 else math.nan


def min_track_record(
    estimate: SharpeEstimate, threshold: float | int = 0.0, confidence: float = CONFIDENCE
) -> float:
    """Bars after which this Sharpe ratio would exceed the threshold with some confidence.

    1 + (1 - g3 SR + (g4 - 1) / 4 SR^2) (Z^-1[confidence] / (SR - SR*))^2: the n at which
    `probabilistic_sharpe` is the confidence. Infinite where SR does not exceed the threshold.

    Source: [1], equation 11.
    """
    excess = estimate.per_bar - threshold
    if excess <= 0:
        return math.inf
    return 1 + (estimate.spread * float(special.ndtri(confidence)) / excess) ** 2


def expected_max_sharpe(n_trials: float | int, variance: float) -> float:
    """The largest Sharpe ratio that luck alone is expected to find in independent trials.

    sqrt(V) ((1 - c) Z^-1[1 - 1 / N] + c Z^-1[1 - 1 / (N e)]) with Euler's constant c; 0 for a
    single trial, and never below it.

    Args:
        n_trials: Number N of independent trials, at least 1; need not be whole.
        variance: V of the trials' Sharpe ratios; the result is in their unit.

    Source: [2], equation 1, where the trials' true mean is zero.
    """
    if n_trials <= 1:
        return 0.0
    first, second = special.ndtri([1 - 1 / n_trials, 1 - 1 / (n_trials * math.e)])
    quantiles = (1 - np.euler_gamma) * first + np.euler_gamma * second
    return math.sqrt(variance) * max(float(quantiles), 0.0)


def trial_variance(annual_sharpes: Sequence[float], bars_per_year: float | int) -> float:
    """Sample variance of the trials' Sharpe ratios of one bar; NaN for fewer than two.

    Args:
        annual_sharpes: One a configuration; what is not finite, a trial without a result, is left
            out here and still counts as a trial.
        bars_per_year: Bars in a year.
    """
    sharpes = np.asarray(annual_sharpes, dtype=float)
    sharpes = sharpes[np.isfinite(sharpes)]
    return float(sharpes.var(ddof=1) / bars_per_year) if len(sharpes) > 1 else math.nan


def deflated_sharpe(estimate: SharpeEstimate, n_trials: float | int, variance: float) -> float:
    """Probability that the true Sharpe ratio of the best of N trials exceeds what luck would find.

    `probabilistic_sharpe` above `expected_max_sharpe`. Of strategies without skill the best has a
    value above 0.95 in at most about 5 % of searches.

    Args:
        estimate: Of the chosen trial.
        n_trials: Number of independent trials: `effective_trials` where their returns are known,
            else the count of configurations.
        variance: Of the trials' Sharpe ratios of one bar, `trial_variance`.

    Source: [2], equation 2.
    """
    return probabilistic_sharpe(estimate, expected_max_sharpe(n_trials, variance))


def effective_trials(returns: Float[np.ndarray, "bar configuration"]) -> float:
    """How many independent trials so many correlated ones amount to, from 1 to their number.

    The eigenvalues l of the trials' correlation matrix add up to their number; each counts
    min(l, 1) + (l mod 1 where l > 1): a family of copies counts once, independent trials count
    each. Trials that share half of their variance still count about half of their number. The
    participation ratio (sum l)^2 / sum l^2 would count four, and the best of many such trials would
    beat its bar by luck: what is found by luck depends on the trials' differences, and
    `trial_variance` is a variance of these. Configurations that never vary do not count.

    Source: [3], equation 5.
    """
    centred = returns - returns.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    varies = norm > 1e-12 * np.abs(returns).max(axis=0) * math.sqrt(len(returns))
    unit = centred[:, varies] / norm[varies]
    n_bars, n_trials = unit.shape
    if n_trials == 0:
        return 1.0
    # Both products have the same eigenvalues but for zeros; the smaller one is decomposed.
    product = unit.T @ unit if n_trials <= n_bars else unit @ unit.T
    eigenvalues = np.maximum(np.linalg.eigvalsh(product), 0.0)
    whole = np.floor(eigenvalues + 1e-9)  # a family of three has 3, not 2.999...
    counted = np.where(whole >= 1, 1 + np.maximum(eigenvalues - whole, 0.0), eigenvalues)
    return float(np.clip(counted.sum(), 1, n_trials))
