"""What happened to an account, bar by bar; to one, or to many configurations at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Ledger:
    """The record of one account; all money in the currency of the prices.

    The first bar holds the capital in cash; the first fill can be on the second. On every bar

        equity - equity before = price profit + dividends + interest + delisting
                                 - commission - spread - impact - borrow

    Attributes:
        times: Bars of the simulation.
        tickers: As in the tape.
        cash: At each close; negative is borrowed.
        positions: Value of each holding at each close, signed.
        shares: Number of shares at each close, signed.
        trades: Notional bought (positive) or sold at each bar; what was paid out for a delisting
            or closed by ruin is sold at the mark.
        dividends: Received (paid, on shorts) at each bar.
        interest: Earned on cash (negative: paid for borrowed cash) at each bar.
        borrow: Fee paid for shares sold short at each bar.
        delisting: Gain or loss, against the last mark, on holdings paid out at each bar.
        commission: Paid at each bar.
        spread: Half-spread paid at each bar.
        impact: Market impact paid at each bar.
        counts: How often something happened that a reader has to know, by name; see `COUNTS`.
        notes: Ruin, delistings, holdings without a last bar.
    """

    times: np.ndarray
    tickers: tuple[str, ...]
    cash: Float[np.ndarray, " time"]
    positions: Float[np.ndarray, "time ticker"]
    shares: Float[np.ndarray, "time ticker"]
    trades: Float[np.ndarray, "time ticker"]
    dividends: Float[np.ndarray, " time"]
    interest: Float[np.ndarray, " time"]
    borrow: Float[np.ndarray, " time"]
    delisting: Float[np.ndarray, " time"]
    commission: Float[np.ndarray, " time"]
    spread: Float[np.ndarray, " time"]
    impact: Float[np.ndarray, " time"]
    counts: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def equity(self) -> Float[np.ndarray, " time"]:
        """Cash and holdings at each close."""
        return self.cash + self.positions.sum(axis=1)

    @property
    def costs(self) -> Float[np.ndarray, " time"]:
        """Commission, half-spread and impact of each bar's trades."""
        return self.commission + self.spread + self.impact

    @property
    def traded(self) -> Float[np.ndarray, " time"]:
        """Notional bought and sold at each bar."""
        return np.abs(self.trades).sum(axis=1)

    @property
    def gross(self) -> Float[np.ndarray, " time"]:
        """Value of all holdings at each close, long and short added up."""
        return np.abs(self.positions).sum(axis=1)

    @property
    def net(self) -> Float[np.ndarray, " time"]:
        """Value of long less short holdings at each close."""
        return self.positions.sum(axis=1)

    @property
    def returns(self) -> Float[np.ndarray, " bar"]:
        """Simple return of equity over each bar but the first; 0 once equity is not positive."""
        return returns_of(self.equity)

    @property
    def weights(self) -> Float[np.ndarray, "time ticker"]:
        """Holdings at each close as shares of equity; 0 once equity is not positive."""
        equity = self.equity[:, None]
        return np.divide(
            self.positions, equity, out=np.zeros_like(self.positions), where=equity > 0
        )


@dataclass(frozen=True, eq=False)
class LedgerBatch:
    """The record of many accounts on one tape, without their single holdings.

    Attributes:
        times: Bars of the simulation.
        equity: At each close.
        traded: Notional bought and sold at each bar.
        costs: Commission, half-spread and impact of each bar's trades.
        gross: Value of all holdings at each close, long and short added up.
        net: Value of long less short holdings at each close.
        counts: As in `Ledger`, one number a configuration.
    """

    times: np.ndarray
    equity: Float[np.ndarray, "time configuration"]
    traded: Float[np.ndarray, "time configuration"]
    costs: Float[np.ndarray, "time configuration"]
    gross: Float[np.ndarray, "time configuration"]
    net: Float[np.ndarray, "time configuration"]
    counts: dict[str, np.ndarray]

    @property
    def returns(self) -> Float[np.ndarray, "bar configuration"]:
        """Simple return of equity over each bar but the first; 0 once equity is not positive."""
        return returns_of(self.equity)


COUNTS = {
    "late_orders": "orders found no price on their bar and waited for the next one",
    "capped_orders": "orders met the participation cap; the rest waited",
    "scaled_decisions": "decisions beyond the margin limit were scaled down to it",
    "margin_calls": "closes found the account beyond its margin limit; holdings were cut",
    "stale_marks": "marks of a holding without a bar used its last known price",
    "unpriced_impact": "fills had no volume or volatility to price their impact from: none charged",
    "exits": "holdings left the universe; the sale was ordered for the next bar with a price",
    "delistings": "holdings were taken for delisted and paid out",
}
"""What a ledger counts, in words that follow the number."""


def returns_of(equity: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """E_t / E_{t-1} - 1, decimal; 0 where the equity before is not positive."""
    before = equity[:-1]
    return np.divide(np.diff(equity, axis=0), before, out=np.zeros_like(before), where=before > 0)
