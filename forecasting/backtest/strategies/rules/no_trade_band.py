"""The no-trade band: where trading costs more than it brings, nothing is traded."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecasting.backtest.accounting.policy import Policy


@dataclass(frozen=True, eq=False)
class NoTradeBand:
    """Trades only to the edge of a band round each target: w' = clip(w, w* - b, w* + b).

    With b = cost / (gamma s^2) this is the exact minimiser over x of

        gamma / 2 s^2 (x - w*)^2 + cost |x - w|

    for one ticker of volatility s: the quadratic loss of being off the target, and the cost of
    getting nearer. A holding inside its band is left alone, NaN. Without a volatility there is no
    band: where nothing is forecast the target 0 means out.

    Attributes:
        policy: Says the targets.
        variance: s^2, of the log return over the strategy's horizon, at each bar of the tape; NaN
            where it is not known.
        cost_over_aversion: cost / gamma of each configuration, the cost one way as a share of
            notional; 0 is no band.

    Source of the idea, with proportional costs in continuous time: Constantinides (1986), Capital
    market equilibrium with transaction costs, Journal of Political Economy 94(4); Davis & Norman
    (1990), Portfolio selection with transaction costs, Mathematics of Operations Research 15(4).
    """

    policy: Policy
    variance: Float[np.ndarray, "*configuration time ticker"]
    cost_over_aversion: Float[np.ndarray, " configuration"]

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """The nearer edge of each band, NaN inside it; None where no order is sent."""
        wanted = self.policy.decide(bar, held)
        if wanted is None:
            return None
        width = half_width(self.variance[..., bar, :], self.cost_over_aversion[:, None])
        edge = np.clip(held, wanted - width, wanted + width)
        return np.where((edge == held) & (width > 0), np.nan, edge)


def half_width(
    variance: Float[np.ndarray, "..."], cost_over_aversion: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """(cost / gamma) / variance; 0 where the variance is not known or not positive."""
    known = np.broadcast_to(
        variance > 0, np.broadcast_shapes(variance.shape, cost_over_aversion.shape)
    )
    return np.divide(cost_over_aversion, variance, out=np.zeros(known.shape), where=known)
