"""What is left of a result if trading costs more, or if orders are late."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.backtest.accounting.policy import Policy
from forecasting.backtest.accounting.simulate import simulate, simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics.summary import summarise, summarise_batch
from forecasting.backtest.tape.tape import Tape

COST_BPS = (0.0, 2.0, 5.0, 10.0, 20.0, 50.0)
DELAYS = (0, 1, 2, 5)


def cost_sensitivity(
    tape: Tape,
    policy: Policy,
    account: AccountTerms,
    bars_per_year: float | int,
    cost_bps: Sequence[float | int] = COST_BPS,
) -> pd.DataFrame:
    """`summarise_batch` by the cost of trading: one row a cost, in bps of traded notional.

    The cost is all that a trade pays: commission, spread and impact together. Interest and borrow
    fees stay as they are in `account`.
    """
    costs = [Costs(commission_bps=each, slippage_bps=0.0, impact=0.0) for each in cost_bps]
    batch = simulate_batch(tape, policy, costs, [account] * len(costs))
    index = pd.Index([float(each) for each in cost_bps], name="cost_bps")
    return pd.DataFrame(summarise_batch(batch, bars_per_year), index=index)


def delay_sensitivity(
    tape: Tape,
    policy: Policy,
    costs: Costs,
    account: AccountTerms,
    bars_per_year: float | int,
    delays: Sequence[int] = DELAYS,
) -> pd.DataFrame:
    """`summarise` by the delay of every order: one row a delay, in bars; 0 is the timing contract.

    Skill that is gone after one bar is skill in that bar's open, or knowledge of the future.
    """
    rows = []
    for bars in delays:
        late = Delayed(deepcopy(policy), bars)  # a rule may remember what it decided
        rows.append(summarise(simulate(tape, late, costs, account), bars_per_year))
    return pd.DataFrame(rows, index=pd.Index(list(delays), name="delay_bars"))


@dataclass(frozen=True, eq=False)
class Delayed:
    """A policy whose decisions reach the market some bars later; for one simulation.

    A rule that depends on what is held sees the holdings of the close at which it decides, orders
    that are under way not among them. For `Targets` it is the same as `Targets.delayed`.

    Attributes:
        policy: Decides.
        bars: How much later.
    """

    policy: Policy
    bars: int
    _under_way: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def decide(
        self, bar: int, held: Float[np.ndarray, "configuration ticker"]
    ) -> Float[np.ndarray, "..."] | None:
        """What was decided so many bars ago."""
        decision = self.policy.decide(bar, held)
        if decision is not None:
            self._under_way[bar + self.bars] = decision
        return self._under_way.pop(bar, None)
