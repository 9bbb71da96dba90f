"""What an account asks at each close: which weights are wanted now?"""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


@runtime_checkable
class Policy(Protocol):
    """Decides at the close of a bar from what is known then and what is held then."""

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """Target weights, signed shares of equity; NaN leaves that holding alone.

        Args:
            bar: Row of the tape; the decision is made at its close.
            held: Weights held at that close.

        Returns:
            One row a configuration, or one row for all of them; None decides nothing.
        """
        ...


@dataclass(frozen=True, eq=False)
class Targets:
    """The policy of weights that do not depend on what is held.

    Attributes:
        weights: Wanted at the close of each bar of the tape, finite; with a leading axis of
            configurations, or without one for a single configuration or one shared by all.
        decides: On which bars an order is sent; between them nothing is traded, weights drift.
    """

    weights: Float[np.ndarray, "*configuration time ticker"]
    decides: Bool[np.ndarray, " time"]

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """The weights of the bar, None where no order is sent."""
        return self.weights[..., bar, :] if self.decides[bar] else None

    def delayed(self, bars: int) -> "Targets":
        """The same decisions, each so many bars later; the first bars decide nothing."""
        weights, decides = np.zeros_like(self.weights), np.zeros_like(self.decides)
        kept = max(len(decides) - bars, 0)
        weights[..., bars:, :] = self.weights[..., :kept, :]
        decides[bars:] = self.decides[:kept]
        return replace(self, weights=weights, decides=decides)
