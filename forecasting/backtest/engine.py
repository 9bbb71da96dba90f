"""The cash ledger: target weights and prices in, trades, positions and equity out.

One cash account, fractional shares, any number of tickers. Bar by bar: orders decided at the close
of the bar before are filled, costs are paid from cash, and the portfolio is marked at the close.

The equity E' after a trade solves E' = E - c sum |w E' - v| over the tickers that are traded, with
equity E and values v at the fill prices, target weights w and cost rate c: the portfolio then has
exactly its target weights, measured after costs. The right side moves by at most c sum |w| a unit
of E', so repeated substitution converges to the one solution.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.errors import ConfigError
from forecasting.market.panel import Panel, day

_SUBSTITUTIONS = 60


@dataclass(frozen=True, eq=False)
class Ledger:
    """What happened to the account; all money in the unit of the capital.

    The first bar holds the capital in cash; the first fill can be on the second.

    Attributes:
        times: Bars of the simulation.
        tickers: As in the panel.
        cash: At each close; negative is borrowed.
        positions: Value of each holding at each close, signed.
        trades: Notional bought (positive) or sold at each bar.
        costs: Paid at each bar.
        late_orders: Orders that found no price on the bar after their decision. They wait for the
            ticker's next price, unless a newer decision replaces them.
        stale_marks: Holdings marked, at some close, at the last known price for want of a bar.
        notes: Holdings without a last bar, ruin.
        exits: Holdings of tickers that left the universe, whose sale was ordered.
    """

    times: np.ndarray
    tickers: tuple[str, ...]
    cash: Float[np.ndarray, " time"]
    positions: Float[np.ndarray, "time ticker"]
    trades: Float[np.ndarray, "time ticker"]
    costs: Float[np.ndarray, " time"]
    late_orders: int
    stale_marks: int
    notes: tuple[str, ...] = ()
    exits: int = 0

    @property
    def equity(self) -> Float[np.ndarray, " time"]:
        """Cash and holdings at each close."""
        return self.cash + self.positions.sum(axis=1)

    @property
    def returns(self) -> Float[np.ndarray, " bar"]:
        """Simple return of equity over each bar but the first; 0 once equity is not positive."""
        equity = self.equity
        before = equity[:-1]
        return np.divide(np.diff(equity), before, out=np.zeros_like(before), where=before > 0)

    @property
    def weights(self) -> Float[np.ndarray, "time ticker"]:
        """Holdings at each close as shares of equity; 0 once equity is not positive."""
        equity = self.equity[:, None]
        return np.divide(
            self.positions, equity, out=np.zeros_like(self.positions), where=equity > 0
        )

    @property
    def profit(self) -> Float[np.ndarray, "bar ticker"]:
        """What each ticker's price moves earned over each bar but the first, before costs."""
        return np.diff(self.positions, axis=0) - self.trades[1:]


def simulate(
    panel: Panel,
    weights: Float[np.ndarray, "time ticker"],
    *,
    costs: Costs,
    execution: Execution,
    decides: Bool[np.ndarray, " time"] | None = None,
    capital: float = 1.0,
) -> Ledger:
    """Trade towards target weights, one bar after each decision.

    A ticker without a price at the fill is not traded: its holding stays, its order waits and is
    counted. A holding without a bar is marked at its last known price and counted, for ever if
    the ticker never trades again: then it is worth what its last price was, a final return
    included where the universe states one, as good as cash. Where the panel has a universe,
    nothing is bought that is no member at the close of the decision, and the sale of what has left
    is ordered at the close of the first bar outside, whether that is one of decision or not. If
    equity is not positive at a close, everything is closed at
    that mark and the account rests.

    Args:
        panel: Prices of the bars to simulate.
        weights: Signed shares of equity wanted, known at the close of their bar.
        costs: What trading costs.
        execution: Where on the next bar orders are filled.
        decides: On which bars an order is sent; by default on every one. Between them nothing is
            traded and weights drift.
        capital: Cash at the first bar.

    Raises:
        ConfigError: Costs are so high, for this gross exposure, that a trade could eat the account.
        ValueError: A weight is not finite.
    """
    if not np.isfinite(weights).all() or weights.shape != panel.mask.shape:
        raise ValueError("weights must be finite, one for each bar and ticker of the panel")
    gross = float(np.abs(weights).sum(axis=1).max())
    if costs.rate * gross > 0.5:
        raise ConfigError(
            f"costs of {costs.rate * 1e4:g} bps with a gross exposure of {gross:g}: expected less "
            "than half the account for one trade. Lower the costs or the exposure."
        )
    send = np.ones(len(panel.times), dtype=bool) if decides is None else decides
    account = _Account(panel, execution, costs.rate, capital)
    for bar in range(1, len(panel.times)):
        if send[bar - 1]:
            account.order(weights[bar - 1])
        if panel.member is not None:
            account.leave(~panel.member[bar - 1])
        account.fill(bar)
        if account.mark(bar) <= 0:
            account.close_down(bar)
            break
    return account.ledger()


class _Account:
    """The state of a simulation: cash, shares, waiting orders, and the record so far."""

    def __init__(self, panel: Panel, execution: Execution, rate: float, capital: float) -> None:
        n_bars, n_tickers = panel.mask.shape
        self.panel, self.rate, self.cash = panel, rate, capital
        self.fills = execution.fill_prices(panel)
        self.fillable = np.isfinite(self.fills)
        self.marks = last_known(panel.column("adj_close"))
        self.shares = np.zeros(n_tickers)
        self.target = np.zeros(n_tickers)
        self.waiting = np.zeros(n_tickers, dtype=bool)
        self.is_new = False
        self.leaving = np.zeros(n_tickers, dtype=bool)
        self.late_orders = self.stale_marks = self.exits = 0
        self.cash_record = np.full(n_bars, capital)
        self.positions = np.zeros((n_bars, n_tickers))
        self.trades = np.zeros((n_bars, n_tickers))
        self.costs = np.zeros(n_bars)
        self.notes: list[str] = []

    def order(self, target: np.ndarray) -> None:
        """Replace all waiting orders by a new decision."""
        self.target, self.is_new = target, True
        self.waiting[:] = True

    def leave(self, outside: np.ndarray) -> None:
        """Order the sale of what is held outside the universe, and nothing to be bought there."""
        self.target = np.where(outside, 0.0, self.target)
        leaving = outside & (self.shares != 0)
        self.waiting |= leaving
        self.exits += int((leaving & ~self.leaving).sum())
        self.leaving = leaving

    def fill(self, bar: int) -> None:
        """Trade the waiting orders that find a price."""
        if not self.waiting.any():
            return
        traded = self.waiting & self.fillable[bar]
        price = np.where(self.fillable[bar], self.fills[bar], self.marks[bar - 1])
        value = self.shares * price
        after = self._after_costs(self.cash + value.sum(), self.target * traded, value * traded)
        if after <= 0:
            return
        wanted = self.target * after
        if self.is_new:
            self.late_orders += int((self.waiting & ~traded & (wanted != value)).sum())
            self.is_new = False
        trade = np.where(traded, wanted - value, 0.0)
        self.shares = np.divide(wanted, price, out=self.shares.copy(), where=traded)
        self.waiting &= ~traded
        self.trades[bar] = trade
        self.costs[bar] = self.rate * np.abs(trade).sum()
        self.cash -= float(trade.sum() + self.costs[bar])

    def _after_costs(self, equity: float, target: np.ndarray, value: np.ndarray) -> float:
        after = equity
        for _ in range(_SUBSTITUTIONS):
            before, after = after, equity - self.rate * float(np.abs(target * after - value).sum())
            if abs(after - before) <= 1e-15 * abs(equity):
                break
        return after

    def mark(self, bar: int) -> float:
        """Value the holdings at the close; the equity."""
        self.cash_record[bar] = self.cash
        self.positions[bar] = self.shares * self.marks[bar]
        self.stale_marks += int(((self.shares != 0) & ~self.panel.mask[bar]).sum())
        return self.cash + float(self.positions[bar].sum())

    def close_down(self, bar: int) -> None:
        """Turn all holdings into cash at the mark and rest: there is nothing left to trade."""
        self.cash_record[bar + 1 :] = self.cash + self.positions[bar].sum()
        self.trades[bar + 1 : bar + 2] = -self.positions[bar]
        self.shares[:] = 0
        self.notes.append(f"The account was ruined at the close of {day(self.panel.times[bar])}.")

    def ledger(self) -> Ledger:
        """The finished record."""
        for k in np.flatnonzero((self.shares != 0) & ~self.panel.mask[-1]):
            last = self.panel.times[np.flatnonzero(self.panel.mask[:, k])[-1]]
            self.notes.append(
                f"{self.panel.tickers[k]} has no bar after {day(last)}: what was held then is "
                "marked at its last price to the end, which a delisting may not have paid."
            )
        return Ledger(
            times=self.panel.times,
            tickers=self.panel.tickers,
            cash=self.cash_record,
            positions=self.positions,
            trades=self.trades,
            costs=self.costs,
            late_orders=self.late_orders,
            stale_marks=self.stale_marks,
            notes=tuple(self.notes),
            exits=self.exits,
        )


def last_known(prices: Float[np.ndarray, "time ticker"]) -> Float[np.ndarray, "time ticker"]:
    """Each ticker's newest price at or before a bar; 0 before its first, when nobody holds it."""
    rows = np.where(np.isfinite(prices), np.arange(len(prices))[:, None], -1)
    newest = np.maximum.accumulate(rows, axis=0)
    known = np.take_along_axis(prices, np.maximum(newest, 0), axis=0)
    return np.where(newest >= 0, known, 0.0)
