"""Configurations that can be traded side by side: one tape, and decisions on the same bars."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.backtest.accounting.policy import Policy, Targets
from forecasting.backtest.costs import SpreadModel
from forecasting.backtest.plan import Plan
from forecasting.backtest.strategies.decisions import policy_of
from forecasting.backtest.strategies.registry import STRATEGIES
from forecasting.backtest.sweep.configuration import Configuration
from forecasting.backtest.sweep.stacked import Stacked

MOST_BYTES = 128 * 2**20
"""Of what one batch keeps while it is traded, and of the weights that wait for others."""
# Arrays (bar, configuration) that a batch has at once: its ledger, and what its statistics need.
_LEDGER_ARRAYS = 14


@dataclass(frozen=True, eq=False)
class Batch:
    """Configurations to trade at once.

    Attributes:
        tape: Which tape they trade on, see `tape_key`.
        rows: Their places in the sweep.
        policy: What they want.
    """

    tape: Hashable
    rows: tuple[int, ...]
    policy: Policy


def tape_key(configuration: Configuration) -> Hashable:
    """Equal for configurations with the same fill prices and half-spreads on the tape."""
    costs = configuration.costs
    measured = costs.spread is not SpreadModel.FIXED
    # Where a measured spread is not known yet, the tape has the fixed one.
    return (configuration.execution, costs.spread, costs.slippage_bps if measured else None)


def plan_key(configuration: Configuration) -> Hashable:
    """Equal for configurations that want the same, whatever it costs and whatever they own."""
    known = STRATEGIES.get(configuration.name)
    asks_cost = known is None or "cost" in known.derived
    has_band = configuration.parameters.get("no_trade_band") is not None
    return (
        configuration.name,
        repr(sorted(configuration.parameters.items())),
        configuration.delay,
        configuration.costs.rate if asks_cost or has_band else None,
    )


def batches(
    configurations: Sequence[Configuration],
    plan_of: Callable[[Configuration], Plan],
    times: np.ndarray,
) -> Iterator[Batch]:
    """Cut configurations into batches that fit into the memory.

    Args:
        configurations: Those of the sweep.
        plan_of: What a configuration wants; asked once for each plan of a batch.
        times: Bars of the tape.
    """
    most_rows = max(1, MOST_BYTES // (len(times) * 8 * _LEDGER_ARRAYS))
    waiting: dict[Hashable, _Group] = {}
    for (tape, _), members in _by_plan(configurations).items():
        for start in range(0, len(members), most_rows):
            rows = members[start : start + most_rows]
            first = configurations[rows[0]]
            wanted = _Wanted.of(plan_of(first), times, first.delay)
            key = (tape, wanted.rhythm)
            if key in waiting and waiting[key].size + len(rows) > most_rows:
                yield waiting.pop(key).batch(times)
            group = waiting.setdefault(key, _Group(tape))
            group.add(wanted, rows)
            if sum(each.n_bytes for each in waiting.values()) > MOST_BYTES:
                largest = max(waiting, key=lambda each: waiting[each].n_bytes)
                yield waiting.pop(largest).batch(times)
    for group in waiting.values():
        yield group.batch(times)


def _by_plan(configurations: Sequence[Configuration]) -> dict[tuple[Hashable, ...], list[int]]:
    """Places of the configurations that want the same on the same tape."""
    found: dict[tuple[Hashable, ...], list[int]] = {}
    for row, configuration in enumerate(configurations):
        found.setdefault((tape_key(configuration), plan_key(configuration)), []).append(row)
    return found


@dataclass(frozen=True, eq=False)
class _Wanted:
    """What a plan wants: `Targets`, or, where that depends on what is held, the plan itself."""

    plan: Plan
    policy: Policy
    delay: int

    @classmethod
    def of(cls, plan: Plan, times: np.ndarray, delay: int) -> "_Wanted":
        return cls(plan, plan.policy(times, delay=delay), delay)

    @property
    def rhythm(self) -> Hashable:
        """Equal for those that can be in one batch.

        Rules on the same bars, horizon and quantile share their arrays (bar, ticker).
        """
        if isinstance(self.policy, Targets):
            return self.policy.decides.tobytes()
        plan = self.plan
        return (self.delay, plan.decides.tobytes(), plan.horizon, plan.rules.stop_quantile)

    @property
    def n_bytes(self) -> int:
        """Of the weights."""
        return self.plan.weights.nbytes


@dataclass
class _Group:
    """Plans that can be traded in one batch, and the configurations that follow each."""

    tape: Hashable
    wanted: list[_Wanted] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    n_bytes: int = 0

    @property
    def size(self) -> int:
        """How many configurations there are."""
        return sum(map(len, self.rows))

    def add(self, wanted: _Wanted, rows: list[int]) -> None:
        """Take in a plan and the configurations that follow it."""
        self.wanted.append(wanted)
        self.rows.append(rows)
        copies = 1 if isinstance(wanted.policy, Targets) else len(rows)
        self.n_bytes += copies * wanted.n_bytes

    def batch(self, times: np.ndarray) -> Batch:
        """All of them."""
        places = tuple(row for rows in self.rows for row in rows)
        return Batch(self.tape, places, self._policy(times))

    def _policy(self, times: np.ndarray) -> Policy:
        plan = [k for k, rows in enumerate(self.rows) for _ in rows]
        targets = [each.policy for each in self.wanted if isinstance(each.policy, Targets)]
        if len(targets) == len(self.wanted):
            return Stacked.of(targets, plan)
        if len(self.wanted) == 1:
            return self.wanted[0].policy
        return policy_of([self.wanted[k].plan for k in plan], times, delay=self.wanted[0].delay)
