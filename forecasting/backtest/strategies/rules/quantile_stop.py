"""The quantile stop: a holding that does worse than its forecast allowed is sold."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from forecasting.backtest.accounting.policy import Policy


@dataclass(eq=False)
class QuantileStop:
    """Sells a holding whose log return since its entry is beyond a predictive quantile of then.

    The entry is the close of the last decision for a side before the holding began. A long holding
    is stopped at the first close whose log return since then lies below the quantile
    `stop_quantile` that was predicted at the entry, a short one above the quantile
    1 - `stop_quantile`: its target is 0 from that bar on, also between decisions. A target on the
    side that was stopped is taken for 0 until the target was 0 or on the other side at a decision,
    or as many bars have passed as the prediction reached ahead.

    A target of NaN, which leaves a holding alone, counts as what is held. A bar without a price
    stops nothing; an entry without a forecast sets no limit.

    What it remembers belongs to one simulation; a bar that is not later than the last one begins
    another.

    Attributes:
        policy: Says the targets.
        log_price: Log adjusted close at each bar of the tape; NaN without a bar.
        lower: Quantile `stop_quantile` of the log return over the strategy's horizon, predicted at
            each bar of the tape; NaN where there is none, or no stop.
        upper: Quantile 1 - `stop_quantile`, alike.
        horizon: Bars ahead that were predicted, of each configuration.
    """

    policy: Policy
    log_price: Float[np.ndarray, "time ticker"]
    lower: Float[np.ndarray, "*configuration time ticker"]
    upper: Float[np.ndarray, "*configuration time ticker"]
    horizon: np.ndarray
    _last: int = field(default=-1, init=False)

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """The targets with 0 where a stop holds; between decisions NaN where none is new."""
        if bar <= self._last or self._last < 0:
            self._begin(held.shape)
        self._last = bar
        self._blocked[bar >= self._until] = 0
        stopped = self._stop(bar, held)
        wanted = self.policy.decide(bar, held)
        if wanted is None and not stopped.any():
            return None
        if wanted is None:
            return np.where(stopped, 0.0, np.nan)
        return self._follow(bar, held, wanted)

    def _begin(self, shape: tuple[int, ...]) -> None:
        """Forget all entries and stops."""
        self._side = np.zeros(shape)
        self._entry, self._low, self._high = (np.full(shape, np.nan) for _ in range(3))
        self._blocked = np.zeros(shape)
        self._until = np.zeros(shape, dtype=np.int64)

    def _stop(self, bar: int, held: np.ndarray) -> np.ndarray:
        """Which holdings are stopped now; their side is blocked for a while."""
        moved = self.log_price[bar] - self._entry
        stopped = (self._side > 0) & (held > 0) & (moved < self._low)
        stopped |= (self._side < 0) & (held < 0) & (moved > self._high)
        self._blocked = np.where(stopped, self._side, self._blocked)
        self._until = np.where(stopped, bar + self.horizon[:, None], self._until)
        self._side[stopped] = 0
        return stopped

    def _follow(self, bar: int, held: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """The targets of a decision, 0 on a blocked side; takes note of the entries."""
        side = np.sign(np.where(np.isnan(wanted), held, wanted))
        blocked = (self._blocked != 0) & (side == self._blocked)
        self._blocked[~blocked] = 0
        side[blocked] = 0
        enters = (side != 0) & ((side != self._side) | (held == 0))
        for kept, now in (
            (self._entry, self.log_price[bar]),
            (self._low, self.lower[..., bar, :]),
            (self._high, self.upper[..., bar, :]),
        ):
            np.copyto(kept, now, where=enters)
        self._side = side
        return np.where(blocked, 0.0, wanted)
