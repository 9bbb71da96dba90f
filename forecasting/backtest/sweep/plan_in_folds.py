"""One plan made of several: from each fold's start on the decisions are those of another."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from forecasting.backtest.accounting.policy import Policy
from forecasting.backtest.plan import Plan


@dataclass(frozen=True, eq=False, kw_only=True)
class PlanInFolds(Plan):
    """Plans on one forecast, one after the other in one account.

    A plan that takes over leaves what is held alone until its own next decision, and pays for the
    change then.

    Attributes:
        plans: In the order of time.
        starts: First bar of each.
    """

    plans: tuple[Plan, ...] = field(repr=False)
    starts: tuple[np.datetime64, ...]

    @classmethod
    def of(
        cls, name: str, plans: Sequence[Plan], starts: Sequence[np.datetime64], words: Sequence[str]
    ) -> "PlanInFolds":
        """The plan of plans.

        Args:
            name: Of all of them.
            plans: In the order of time, on one forecast.
            starts: First bar of each, ascending.
            words: Parameters of each, for a reader.
        """
        first, times = plans[0], plans[0].forecast.times
        turn = np.maximum(np.searchsorted(np.array(starts), times, side="right") - 1, 0)
        rows = np.arange(len(times))
        days = [str(start)[:10] for start in starts]
        return cls(
            name=name,
            forecast=first.forecast,
            weights=np.stack([plan.weights for plan in plans])[turn, rows],
            decides=np.stack([plan.decides for plan in plans])[turn, rows],
            horizon=first.horizon,
            rules=first.rules,
            cost=first.cost,
            parameters={f"from {day}": each for day, each in zip(days, words, strict=True)},
            notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)),
            plans=tuple(plans),
            starts=tuple(starts),
        )

    def policy(self, times: np.ndarray, *, delay: int = 0) -> Policy:
        """The decisions on the bars of a tape, for one simulation."""
        policies = tuple(plan.policy(times, delay=delay) for plan in self.plans)
        bars = np.searchsorted(times, np.array(self.starts)) + delay
        return _InTurn(policies, tuple(int(bar) for bar in bars))


@dataclass(frozen=True, eq=False)
class _InTurn:
    """Policies that are asked from their first bar on, until the next one's."""

    policies: tuple[Policy, ...]
    first_bars: tuple[int, ...]

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """What the policy whose turn it is wants."""
        turn = int(np.searchsorted(self.first_bars, bar, side="right")) - 1
        return self.policies[max(turn, 0)].decide(bar, held)
