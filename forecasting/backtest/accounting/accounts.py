"""The state of many accounts on one tape, and what happens to it without an order."""

import numpy as np

from forecasting.backtest.accounting.conditions import Conditions
from forecasting.backtest.accounting.ledger import COUNTS
from forecasting.backtest.tape.tape import Tape

FLOWS = ("dividends", "interest", "borrow", "delisting", "commission", "spread", "impact")


class Accounts:
    """Cash, shares and waiting orders of each configuration, and what the current bar brought.

    Arrays are (configuration, ticker) or (configuration,). The steps of one bar are `open`, the
    fills, `mark` and the orders, in this order.

    Attributes:
        shares: Held, signed.
        orders: Shares that wait to be bought (positive) or sold; 0 is no order.
        fresh: Which orders were sent at the newest close.
        leaving: Holdings outside the universe at the newest close.
        absent: Bars since a ticker's last one, (ticker,).
        trades: Notional bought or sold at this bar.
        positions: Value of the holdings at the newest close.
        cash, equity, gross, net: At the newest close.
        resting: Which accounts were ruined.
        flows: Money of this bar by name; see `FLOWS`.
        counts: How often something happened; see `COUNTS`.
        ruined_at: Bar at whose close an account was ruined; -1 without a ruin.
        payouts: Bars with delistings, and which holdings were paid out at each.
    """

    def __init__(self, tape: Tape, conditions: Conditions) -> None:
        shape = len(conditions.capital), len(tape.tickers)
        self.tape, self.conditions = tape, conditions
        self.shares, self.orders = np.zeros(shape), np.zeros(shape)
        self.trades, self.positions = np.zeros(shape), np.zeros(shape)
        self.fresh, self.leaving = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self.absent = np.zeros(shape[1], dtype=np.int64)
        self.cash, self.equity = conditions.capital.copy(), conditions.capital.copy()
        self.gross, self.net = np.zeros(shape[0]), np.zeros(shape[0])
        self.resting = np.zeros(shape[0], dtype=bool)
        self.flows = {name: np.zeros(shape[0]) for name in FLOWS}
        self.counts = {name: np.zeros(shape[0], dtype=np.int64) for name in COUNTS}
        self.ruined_at = np.full(shape[0], -1)
        self.payouts: list[tuple[int, np.ndarray]] = []
        self._has_split = np.any(tape.split != 1, axis=1)
        self._has_dividend = np.any(tape.dividend != 0, axis=1)
        self._all_present = np.all(tape.present, axis=1)
        self._scratch = np.empty(shape)

    def open(self, bar: int) -> None:
        """Interest and borrow fees since the close before, dividends and splits of the open."""
        for flow in self.flows.values():
            flow.fill(0.0)
        terms, years = self.conditions, self.tape.elapsed[bar]
        rate = np.where(self.cash > 0, terms.cash_yield, terms.financing_rate)
        self.flows["interest"] = np.where(self.resting, 0.0, self.cash * rate * years)
        self.flows["borrow"] = (self.gross - self.net) / 2 * terms.borrow_fee * years
        if self._has_dividend[bar]:
            self.flows["dividends"] = np.multiply(
                self.shares, self.tape.dividend[bar], out=self._scratch
            ).sum(axis=1)
        self.cash += self.flows["dividends"] + self.flows["interest"] - self.flows["borrow"]
        if self._has_split[bar]:
            self.shares *= self.tape.split[bar]
            self.orders *= self.tape.split[bar]

    def mark(self, bar: int) -> None:
        """Value the holdings at the close, pay out the delisted, close the ruined."""
        np.multiply(self.shares, self.tape.mark[bar], out=self.positions)
        if self._all_present[bar]:
            self.absent.fill(0)
        else:
            absent = ~self.tape.present[bar]
            self.absent = np.where(absent, self.absent + 1, 0)
            self.counts["stale_marks"] += ((self.shares != 0) & absent).sum(axis=1)
            self._pay_out_delisted(bar)
        self._sum_up()
        ruined = (self.equity <= 0) & ~self.resting
        if ruined.any():
            self._close_down(ruined, bar)

    def _sum_up(self) -> None:
        self.net = self.positions.sum(axis=1)
        self.gross = np.abs(self.positions, out=self._scratch).sum(axis=1)
        self.equity = self.cash + self.net

    def _pay_out_delisted(self, bar: int) -> None:
        terms = self.conditions
        due = (self.absent >= terms.delisted_after[:, None]) & (self.shares != 0)
        if not due.any():
            return
        paid_out = np.where(due, self.positions, 0.0)
        self.flows["delisting"] = (paid_out * terms.delisting_return[:, None]).sum(axis=1)
        self.cash += paid_out.sum(axis=1) + self.flows["delisting"]
        self.trades -= paid_out
        self.counts["delistings"] += due.sum(axis=1)
        self.payouts.append((bar, due))
        for state in (self.shares, self.orders, self.positions):
            state[due] = 0.0

    def _close_down(self, ruined: np.ndarray, bar: int) -> None:
        self.cash[ruined] = self.equity[ruined]
        self.trades[ruined] -= self.positions[ruined]
        self.resting |= ruined
        self.ruined_at[ruined] = bar
        for state in (self.shares, self.orders, self.positions, self.gross, self.net):
            state[ruined] = 0.0
