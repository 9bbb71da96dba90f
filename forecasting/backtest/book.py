"""The `Backtest` value: a strategy beside its benchmarks, and what may be said of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecasting.backtest import account_tables, plain_values
from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import Plan
from forecasting.backtest.statistics.benchmark_relative import relative_table
from forecasting.backtest.statistics.bootstrap import interval_table
from forecasting.backtest.statistics.drawdowns import worst_drawdowns
from forecasting.backtest.statistics.luck import Luck, judge_luck
from forecasting.backtest.statistics.monthly import monthly_returns
from forecasting.backtest.statistics.summary import summarise
from forecasting.backtest.tape.notes import cost_words
from forecasting.backtest.tape.tape import Tape
from forecasting.backtest.what_if import WhatIf
from forecasting.errors import ConfigError
from forecasting.forecast.significance import MeanTest, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Comparison:
    """Whether the strategy earned more a bar than a benchmark; returns are not matched for risk.

    Attributes:
        against: `cash` or the name of a benchmark.
        per_year: Mean difference of simple returns times bars a year, decimal.
        test: Newey-West test of the mean difference a bar.
        verdict: What the test allows to be said.
    """

    against: str
    per_year: float
    test: MeanTest
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Backtest:
    """A strategy, its benchmarks under the same timing and costs, and what may be said of it.

    Attributes:
        forecaster: Who made the forecast.
        plan: The strategy, its parameters and its target weights.
        tape: What the accounts traded on.
        ledgers: What happened to each account, the strategy's first, on the same bars.
        bars_per_year: Of the prices.
        execution: The timing contract.
        costs: What trading cost.
        account: The terms of every account.
        comparisons: Against cash and each benchmark.
        notes: What a reader of the numbers has to know; the survivorship warning, or the
            universe in its place, first.
        n_random: How many random strategies it is placed among.
        trial_sharpes: Annual Sharpe ratios of the other configurations that were tried on these
            bars; NaN for one that has none. None if they were not counted.
    """

    forecaster: str
    plan: Plan
    tape: Tape
    ledgers: dict[str, Ledger]
    bars_per_year: float
    execution: Execution
    costs: Costs
    account: AccountTerms
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    n_random: int = 200
    trial_sharpes: tuple[float, ...] | None = None

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.plan.strategy

    @property
    def ledger(self) -> Ledger:
        """The strategy's own account."""
        return self.ledgers[self.strategy]

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the strategy, also those left at their default."""
        return self.plan.parameters

    @property
    def timing(self) -> str:
        """When decisions are made and filled, and what a share is, in words."""
        return f"{self.execution.describe()} {self.tape.basis.describe()}"

    @property
    def cost_words(self) -> str:
        """What a trade cost on these prices, in words."""
        return cost_words(self.costs, self.tape)

    @property
    def counts(self) -> dict[str, int]:
        """How often the strategy's account had to do with less than it wanted; see `COUNTS`."""
        return self.ledger.counts

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity at each close for a capital of 1; the strategy's column first, then benchmarks."""
        capital = self.account.capital
        return self._frame({name: book.equity / capital for name, book in self.ledgers.items()})

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Simple returns of equity, decimal, from the second bar on; columns as in `equity`."""
        columns = {name: book.returns for name, book in self.ledgers.items()}
        return pd.DataFrame(columns, index=self.equity.index[1:])

    @cached_property
    def excess_returns(self) -> pd.DataFrame:
        """`returns` less what cash earns over each bar."""
        return self.returns.sub(self.account.cash_yield * self.tape.elapsed[1:], axis=0)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """What the strategy held at each close, signed shares of equity; one column a ticker."""
        return self._frame(dict(zip(self.ledger.tickers, self.ledger.weights.T, strict=True)))

    @cached_property
    def stats(self) -> pd.DataFrame:
        """`statistics.summarise` of each account: one row for the strategy and each benchmark."""
        rows = {name: summarise(book, self.bars_per_year) for name, book in self.ledgers.items()}
        return pd.DataFrame.from_dict(rows, orient="index")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Counts and sums of trades, one row an account; money in units of the capital."""
        rows = {
            name: {
                "trades": int((book.trades != 0).sum()),
                "notional": float(book.traded.sum() / self.account.capital),
                "costs": float(book.costs.sum() / self.account.capital),
                **book.counts,
            }
            for name, book in self.ledgers.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row a comparison: difference a year, t, p, bars, verdict."""
        rows = {
            each.against: {
                "per_year": each.per_year,
                "t": each.test.t,
                "p": each.test.p,
                "bars": each.test.n,
                "verdict": each.verdict.value,
            }
            for each in self.comparisons
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """Bootstrap intervals of its statistics; see `interval_table`."""
        return interval_table(self.returns, self.bars_per_year)

    @cached_property
    def relative(self) -> pd.DataFrame:
        """Alpha, beta and their like, all over cash, one row a benchmark."""
        return relative_table(self.excess_returns, self.bars_per_year)

    @cached_property
    def drawdowns(self) -> pd.DataFrame:
        """The worst drawdowns; see `worst_drawdowns`."""
        return worst_drawdowns(self.ledger.times, self.ledger.equity)

    @cached_property
    def monthly(self) -> pd.DataFrame:
        """Returns of months and years; see `monthly_returns`."""
        return monthly_returns(self.ledger.times, self.ledger.equity)

    @cached_property
    def exposure(self) -> pd.DataFrame:
        """What was held at each close; see `exposure_table`."""
        return account_tables.exposure_table(self.ledger)

    @cached_property
    def turnover_by_month(self) -> pd.Series:
        """Traded notional over equity, a sum a month; see `turnover_by_month`."""
        return account_tables.turnover_by_month(self.ledger)

    @cached_property
    def costs_waterfall(self) -> pd.Series:
        """From what prices earned to what was left; see `costs_waterfall`."""
        return account_tables.costs_waterfall(self.ledger)

    @cached_property
    def what_if(self) -> WhatIf:
        """Random strategies, capacity, other costs, later orders; simulated when asked for."""
        return WhatIf(
            self.tape,
            self.plan,
            self.ledger,
            self.costs,
            self.account,
            self.bars_per_year,
            self.n_random,
        )

    @cached_property
    def luck(self) -> Luck:
        """Whether luck is enough to explain the Sharpe ratio, after all trials on these bars."""
        own = self.stats["sharpe"].loc[self.strategy]
        others = self.trial_sharpes or ()
        return judge_luck(
            self.excess_returns[self.strategy].to_numpy(),
            self.bars_per_year,
            n_trials=1 + len(others),
            trial_sharpes=(float(own), *others),
            random=self.what_if.random if self.n_random else None,
            alphas={str(name): float(t) for name, t in self.relative["alpha_t"].items()},
            counted=self.trial_sharpes is not None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights as plain values that `json.dumps` takes; NaN becomes None."""
        return plain_values.to_dict(self)

    def plot(self, kind: str = "equity") -> "Figure":
        """One of the figures of the gallery, such as equity with drawdowns beneath.

        Raises:
            ConfigError: There is no such figure.
        """
        from forecasting.backtest.figures.gallery import FIGURES  # matplotlib is slow to import

        if kind not in FIGURES:
            raise ConfigError(f"no figure {kind!r}: expected one of {', '.join(FIGURES)}.")
        return FIGURES[kind](self)

    def _frame(self, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        return pd.DataFrame(columns, index=pd.DatetimeIndex(self.ledger.times))
