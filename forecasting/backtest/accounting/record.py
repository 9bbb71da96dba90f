"""What is written down of each bar: everything of one account, or the sums of many."""

import numpy as np

from forecasting.backtest.accounting.accounts import FLOWS, Accounts
from forecasting.backtest.accounting.ledger import Ledger, LedgerBatch
from forecasting.backtest.accounting.notes import notes_of
from forecasting.backtest.tape.tape import Tape

_COSTS = ("commission", "spread", "impact")


class FullRecord:
    """Holdings and flows of a single account."""

    def __init__(self, tape: Tape) -> None:
        n_bars, n_tickers = len(tape.times), len(tape.tickers)
        self.cash = np.zeros(n_bars)
        self.positions, self.shares, self.trades = (np.zeros((n_bars, n_tickers)) for _ in range(3))
        self.flows = {name: np.zeros(n_bars) for name in FLOWS}

    def write(self, bar: int, accounts: Accounts) -> None:
        """Copy the state at the close and the flows of the bar."""
        self.cash[bar] = accounts.cash[0]
        self.positions[bar] = accounts.positions[0]
        self.shares[bar] = accounts.shares[0]
        self.trades[bar] = accounts.trades[0]
        for name, flow in accounts.flows.items():
            self.flows[name][bar] = flow[0]

    def ledger(self, accounts: Accounts) -> Ledger:
        """The finished record."""
        return Ledger(
            times=accounts.tape.times,
            tickers=accounts.tape.tickers,
            cash=self.cash,
            positions=self.positions,
            shares=self.shares,
            trades=self.trades,
            counts={name: int(count[0]) for name, count in accounts.counts.items()},
            notes=notes_of(accounts),
            **self.flows,
        )


class SumRecord:
    """Equity, exposure, turnover and costs of many accounts."""

    def __init__(self, tape: Tape, n_configurations: int) -> None:
        shape = len(tape.times), n_configurations
        self.equity, self.traded, self.costs, self.gross, self.net = (
            np.zeros(shape) for _ in range(5)
        )
        self._traded = np.empty((n_configurations, len(tape.tickers)))

    def write(self, bar: int, accounts: Accounts) -> None:
        """Copy the sums at the close."""
        self.equity[bar] = accounts.equity
        self.traded[bar] = np.abs(accounts.trades, out=self._traded).sum(axis=1)
        self.costs[bar] = sum(accounts.flows[name] for name in _COSTS)
        self.gross[bar], self.net[bar] = accounts.gross, accounts.net

    def ledger(self, accounts: Accounts) -> LedgerBatch:
        """The finished record."""
        return LedgerBatch(
            times=accounts.tape.times,
            equity=self.equity,
            traded=self.traded,
            costs=self.costs,
            gross=self.gross,
            net=self.net,
            counts=accounts.counts,
        )
