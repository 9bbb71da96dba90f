"""GJR-GARCH-t: a GARCH(1,1) a ticker in which a fall moves the variance more than a rise.

v_t = omega + (alpha + gamma [r_t < 0]) r_t^2 + beta v_{t-1}, with persistence alpha + gamma / 2 +
beta; filtered and summed as in `garch`.

Source: Glosten, Jagannathan & Runkle (1993), On the Relation between the Expected Value and the
Volatility of the Nominal Excess Return on Stocks, Journal of Finance 48(5).
"""

from dataclasses import dataclass
from typing import ClassVar

from forecasting.evaluation.baselines.garch import GarchParameters
from forecasting.evaluation.baselines.garch_family import GarchBaseline, Recursion, Series, search

_STARTS = ((0.05, 0.03, 0.06, 0.9, 8.0), (0.2, 0.1, 0.0, 0.7, 8.0))


@dataclass(frozen=True)
class GjrParameters(GarchParameters):
    """The recursion of `GarchParameters` with a `gamma` that is fitted."""

    @classmethod
    def fit(cls, log_return: Series, longest: int) -> "GjrParameters | None":
        """Maximum likelihood; the result scales exactly with the returns."""
        unit = float(log_return.std())
        found = search(log_return / unit, _STARTS, vol="GARCH", p=1, o=1, q=1)
        if found is None:
            return None
        (omega, alpha, gamma, beta), converged = found
        return cls(omega * unit**2, alpha, gamma, beta, converged)


@dataclass(eq=False, kw_only=True)
class GjrGarchT(GarchBaseline):
    """A GJR-GARCH(1,1) a ticker, calibrated."""

    name: str = "GJR-GARCH-t"
    recursion: ClassVar[type[Recursion]] = GjrParameters
