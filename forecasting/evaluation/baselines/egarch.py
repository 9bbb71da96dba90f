"""EGARCH-t: one EGARCH(1,1) a ticker, in which log variance follows the standardised returns.

log v_t = omega + alpha (|e_t| - sqrt(2/pi)) + gamma e_t + beta log v_{t-1} with e_t = r_t /
sqrt(v_{t-1}); v_t is the variance of the next bar, known at the close of bar t. With g(e) =
alpha (|e| - sqrt(2/pi)) + gamma e, the variance k bars later is expected to be

    v_t^(beta^k) exp(omega sum_{i<k} beta^i) prod_{i<k} E[exp(beta^i g(e))].

Under a Student-t the last mean is infinite, for which EGARCH has no h-step variance in closed form.
Here it is the mean over the ticker's own training residuals: the exact forecast under their
empirical distribution, which a bootstrap of them would approach. Nothing is simulated.

Source: Nelson (1991), Conditional Heteroskedasticity in Asset Returns: A New Approach,
Econometrica 59(2).
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from forecasting.evaluation.baselines.garch_family import (
    GarchBaseline,
    Recursion,
    Series,
    search,
)
from forecasting.market.volatility import WARM_UP

_MEAN_ABS = math.sqrt(2 / math.pi)
_STARTS = ((0.0, 0.12, -0.05, 0.97, 4.0), (0.0, 0.12, -0.05, 0.9, 8.0))
_LEAST_LOG, _LARGEST_LOG = -27.6, 600.0
"""Ends of log variance: a volatility of 1e-6, below which no price has moved, and what a price that
jumps a thousandfold runs into; exp overflows beyond 709."""
_WILDEST_GROWTH = math.log(10)
"""Log of the factor by which a shock multiplies the expected variance, above which a fit is none:
sound ones stay below a tenth of it."""
_WIDEST_RANGE = math.log(1_000)
"""Log of the factor by which the variance may leave that of the training returns, on these; where a
small shock lowers the variance, it can fall without end, and the next shock makes it explode."""


@dataclass(frozen=True, eq=False)
class EgarchParameters(Recursion):
    """Parameters of one ticker's recursion.

    Attributes:
        omega: Of log variance, decimal squared.
        alpha: Weight of the size of a shock.
        gamma: Weight of its sign; negative where falls raise the variance.
        beta: Weight of the log variance before.
        shock_growth: log E[exp(beta^i g(e))] of i = 0, 1, ... up to the longest horizon but one.
        converged: Whether the search for them ended at an optimum.
    """

    omega: float
    alpha: float
    gamma: float
    beta: float
    shock_growth: Float[np.ndarray, " step"]
    converged: bool = True

    @classmethod
    def fit(cls, log_return: Series, longest: int) -> "EgarchParameters | None":
        """Maximum likelihood, then the means over the residuals that were found."""
        unit = float(log_return.std())
        found = search(log_return / unit, _STARTS, vol="EGARCH", p=1, o=1, q=1)
        if found is None:
            return None
        (omega, alpha, gamma, beta), converged = found
        omega += (1 - beta) * 2 * math.log(unit)
        one_step = cls(omega, alpha, gamma, beta, np.zeros(0), converged)
        after_first = np.append(np.nan, log_return)
        variance = one_step.filter_variance(after_first)
        if np.nanmax(np.abs(np.log(variance) - 2 * math.log(unit))) > _WIDEST_RANGE:
            return None
        residuals = after_first[1:] / np.sqrt(variance[:-1])
        growth = one_step.growth_of(residuals[np.isfinite(residuals)], longest - 1)
        return None if (growth > _WILDEST_GROWTH).any() else replace(one_step, shock_growth=growth)

    @classmethod
    def steady(cls, variance: float, longest: int) -> "EgarchParameters":
        """A variance that never moves."""
        return cls(math.log(variance), 0.0, 0.0, 0.0, np.zeros(longest - 1))

    def growth_of(self, residuals: Series, steps: int) -> Float[np.ndarray, " step"]:
        """Log mean exp(beta^i g(e)) over standardised residuals e, of i = 0 ... steps - 1."""
        shock = self.alpha * (np.abs(residuals) - _MEAN_ABS) + self.gamma * residuals
        powers = self.beta ** np.arange(steps)
        return logsumexp(powers[:, None] * shock, axis=1) - np.log(len(shock))

    def filter_variance(self, log_return: Series) -> Series:
        """Variance of the next bar; see `Recursion`.

        Zero has no logarithm: where the first prices do not move, it starts at the first that does.
        """
        variance = np.full(len(log_return), np.nan)
        moved = np.flatnonzero(log_return[1:]) + 1
        if len(log_return) > WARM_UP and len(moved):
            start = max(WARM_UP, int(moved[0]))
            seed = float(np.mean(log_return[1 : start + 1] ** 2))
            variance[start] = seed
            variance[start + 1 :] = self._advance(seed, log_return[start + 1 :].tolist())
        return variance

    def _advance(self, variance: float, log_returns: list[float]) -> list[float]:
        """Each bar's variance needs that of the bar before: plain floats are fastest."""
        constant, log_variance, out = self.omega - self.alpha * _MEAN_ABS, math.log(variance), []
        for log_return in log_returns:
            shock = log_return / math.exp(log_variance / 2)
            log_variance = (
                constant + self.alpha * abs(shock) + self.gamma * shock + self.beta * log_variance
            )
            log_variance = min(max(log_variance, _LEAST_LOG), _LARGEST_LOG)
            out.append(math.exp(log_variance))
        return out

    def sum_variance(self, variance: Series, horizon: int) -> Series:
        """Expected variance of the next h bars together."""
        log_variance, growth, total = np.log(variance), 0.0, variance.copy()
        for step in range(1, horizon):
            growth = self.omega + self.beta * growth
            constant = growth + self.shock_growth[:step].sum()
            total += np.exp(self.beta**step * log_variance + constant)
        return total


@dataclass(eq=False, kw_only=True)
class EgarchT(GarchBaseline):
    """An EGARCH(1,1) a ticker, calibrated."""

    name: str = "EGARCH-t"
    recursion: ClassVar[type[Recursion]] = EgarchParameters
