"""GARCH-t: one GARCH(1,1) a ticker, v_t = omega + alpha r_t^2 + beta v_{t-1}.

v_t is the variance of the next bar, known at the close of bar t. With the persistence p = alpha +
beta the variance of the bar after it is expected to be omega + p v, and so on; the h-bar variance
is their sum. The asymmetric recursion of `gjr_garch` is the same with another p.

Source: Bollerslev (1986), Generalized Autoregressive Conditional Heteroskedasticity, Journal of
Econometrics 31(3).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import signal

from forecasting.evaluation.baselines.garch_family import (
    GarchBaseline,
    Recursion,
    Series,
    search,
    start_variance,
)
from forecasting.market.volatility import WARM_UP

_STARTS = ((0.05, 0.06, 0.9, 8.0), (0.2, 0.1, 0.7, 8.0))


@dataclass(frozen=True)
class GarchParameters(Recursion):
    """Parameters of one ticker's recursion; `omega` in decimal squared, `gamma` zero here."""

    omega: float
    alpha: float
    gamma: float
    beta: float
    converged: bool = True

    @property
    def persistence(self) -> float:
        """Share of a variance that is left one bar later, if returns are symmetric."""
        return self.alpha + self.gamma / 2 + self.beta

    @classmethod
    def fit(cls, log_return: Series, longest: int) -> "GarchParameters | None":
        """Maximum likelihood; the result scales exactly with the returns."""
        unit = float(log_return.std())
        found = search(log_return / unit, _STARTS, vol="GARCH", p=1, o=0, q=1)
        if found is None:
            return None
        (omega, alpha, beta), converged = found
        return cls(omega * unit**2, alpha, 0.0, beta, converged)

    @classmethod
    def steady(cls, variance: float, longest: int) -> "GarchParameters":
        """A variance that never moves."""
        return cls(variance, 0.0, 0.0, 0.0)

    def filter_variance(self, log_return: Series) -> Series:
        """Variance of the next bar; see `Recursion`."""
        variance = np.full(len(log_return), np.nan)
        if len(log_return) > WARM_UP:
            variance[WARM_UP] = seed = start_variance(log_return)
            later = log_return[WARM_UP + 1 :]
            impact = self.alpha + self.gamma * (later < 0)
            variance[WARM_UP + 1 :], _ = signal.lfilter(
                [1.0],
                [1.0, -self.beta],
                self.omega + impact * later**2,
                zi=np.array([self.beta * seed]),
            )
        return variance

    def sum_variance(self, variance: Series, horizon: int) -> Series:
        """Expected variance of the next h bars together."""
        constant, slope, total_constant, total_slope = 0.0, 1.0, 0.0, 0.0
        for _ in range(horizon):
            total_constant += constant
            total_slope += slope
            constant = self.omega + self.persistence * constant
            slope *= self.persistence
        return total_constant + total_slope * variance


@dataclass(eq=False, kw_only=True)
class GarchT(GarchBaseline):
    """A GARCH(1,1) a ticker, calibrated."""

    name: str = "GARCH-t"
    recursion: ClassVar[type[Recursion]] = GarchParameters
