"""The weights of many configurations at once, without a copy for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from forecasting.backtest.accounting.policy import Targets


@dataclass(frozen=True, eq=False)
class Stacked:
    """Targets of several plans that decide on the same bars; each serves its configurations.

    Attributes:
        weights: Of each decision and plan.
        decision: Which decision is made at a bar, -1 for none.
        plan: Which plan a configuration follows.
    """

    weights: Float[np.ndarray, "decision plan ticker"]
    decision: Int[np.ndarray, " time"]
    plan: Int[np.ndarray, " configuration"]

    @classmethod
    def of(cls, targets: Sequence[Targets], plan: Sequence[int]) -> "Stacked":
        """The targets of plans, and which of them each configuration follows."""
        decides = targets[0].decides
        weights = np.stack([each.weights[decides] for each in targets], axis=1)
        decision = np.where(decides, np.cumsum(decides) - 1, -1)
        return cls(weights, decision, np.asarray(plan, dtype=np.int64))

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """The weights of the bar, a row a configuration; None where no order is sent."""
        decision = self.decision[bar]
        return None if decision < 0 else self.weights[decision][self.plan]
