"""The `Backtest` value: a strategy beside its benchmarks, and what may be said of it."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecasting.backtest.costs import Costs
from forecasting.backtest.engine import Ledger
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import Plan
from forecasting.backtest.statistics import summarise
from forecasting.forecast.significance import MeanTest, Verdict
from forecasting.market.panel import day

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
        ledgers: What happened to each account, the strategy's first, on the same bars.
        bars_per_year: Of the prices.
        execution: The timing contract.
        costs: What trading cost.
        comparisons: Against cash and each benchmark.
        notes: What a reader of the numbers has to know; the survivorship warning, or the
            universe in its place, first.
    """

    forecaster: str
    plan: Plan
    ledgers: dict[str, Ledger]
    bars_per_year: float
    execution: Execution
    costs: Costs
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.plan.strategy

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the strategy, also those left at their default."""
        return self.plan.parameters

    @property
    def timing(self) -> str:
        """When decisions are made and filled, in words."""
        return self.execution.describe()

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity at each close for a capital of 1; the strategy's column first, then benchmarks."""
        return self._frame({name: ledger.equity for name, ledger in self.ledgers.items()})

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Simple returns of equity, decimal, from the second bar on; columns as in `equity`."""
        columns = {name: ledger.returns for name, ledger in self.ledgers.items()}
        return pd.DataFrame(columns, index=self.equity.index[1:])

    @cached_property
    def weights(self) -> pd.DataFrame:
        """What the strategy held at each close, signed shares of equity; one column a ticker."""
        ledger = self.ledgers[self.strategy]
        return self._frame(dict(zip(ledger.tickers, ledger.weights.T, strict=True)))

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
                "notional": float(np.abs(book.trades).sum()),
                "costs": float(book.costs.sum()),
                "late_orders": book.late_orders,
                "stale_marks": book.stale_marks,
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

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights as plain values that `json.dumps` takes; NaN becomes None."""
        times = self.ledgers[self.strategy].times
        return {
            "forecaster": self.forecaster,
            "strategy": self.strategy,
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "start": day(times[0]),
            "end": day(times[-1]),
            "bars": len(self.equity),
            "timing": self.timing,
            "costs": self.costs.describe(),
            "notes": list(self.notes),
            "stats": _rows(self.stats),
            "trades": _rows(self.trades),
            "verdicts": _rows(self.verdicts),
            "equity": {
                "times": [time.isoformat() for time in self.equity.index],
                **{name: values.tolist() for name, values in self.equity.items()},
            },
        }

    def plot(self) -> "Figure":
        """Equity on a log scale with the benchmarks, drawdowns beneath, costs and timing stated."""
        from forecasting.backtest.plots import equity_plot  # matplotlib is slow to import

        return equity_plot(self)

    def _frame(self, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        times = pd.DatetimeIndex(self.ledgers[self.strategy].times)
        return pd.DataFrame(columns, index=times)


def _rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        str(name): {str(column): _plain(value) for column, value in row.items()}
        for name, row in table.to_dict(orient="index").items()
    }


def _plain(value: Any) -> Any:
    """A JSON value: NumPy scalars unwrapped, what is not finite as None, anything else as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)
