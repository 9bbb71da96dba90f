"""A strategy traded again: at random, with more capital, at other costs, a few bars later."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.policy import Policy
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.plan import Plan
from forecasting.backtest.statistics.capacity import Capacity, capacity
from forecasting.backtest.statistics.random_strategies import RandomStrategies, random_strategies
from forecasting.backtest.statistics.sensitivity import cost_sensitivity, delay_sensitivity
from forecasting.backtest.tape.tape import Tape


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What a backtest would have been otherwise. Each answer is simulated when it is asked for.

    Attributes:
        tape: That the strategy was traded on.
        plan: The strategy.
        ledger: What happened.
        costs: What trading cost.
        account: On which terms.
        bars_per_year: Of the prices.
        n_random: How many random strategies.
    """

    tape: Tape
    plan: Plan
    ledger: Ledger
    costs: Costs
    account: AccountTerms
    bars_per_year: float
    n_random: int

    @property
    def policy(self) -> Policy:
        """The strategy's decisions; a new one, as some remember what they decided."""
        return self.plan.policy(self.tape.times)

    @cached_property
    def random(self) -> RandomStrategies:
        """Where it stands among random strategies of the same turnover and exposure."""
        return random_strategies(
            self.tape, self.ledger, self.costs, self.account, self.bars_per_year, n=self.n_random
        )

    @cached_property
    def capacity(self) -> Capacity:
        """Net growth by capital."""
        return capacity(self.tape, self.policy, self.costs, self.account, self.bars_per_year)

    @cached_property
    def by_cost(self) -> pd.DataFrame:
        """Statistics by the cost of trading, all of it, in bps of traded notional."""
        return cost_sensitivity(self.tape, self.policy, self.account, self.bars_per_year)

    @cached_property
    def by_delay(self) -> pd.DataFrame:
        """Statistics by the bars that every order comes late."""
        return delay_sensitivity(
            self.tape, self.policy, self.costs, self.account, self.bars_per_year
        )
