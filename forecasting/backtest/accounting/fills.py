"""Which waiting orders are filled at a bar, how much of each, and what that costs."""

import numpy as np

from forecasting.backtest.accounting.accounts import Accounts
from forecasting.backtest.tape.tape import Tape

TOLERANCE = 1e-9
"""Relative slack of limits and of whole shares: what rounding errors alone exceed is not over."""


class Market:
    """The side of the tape that fills orders, and buffers to fill them in.

    Everything a fill at bar t needs beside its price is row t - 1: known when it was ordered.
    """

    def __init__(self, tape: Tape, n_configurations: int) -> None:
        self.tradable = np.isfinite(tape.fill)
        self.all_tradable = self.tradable.all(axis=1)
        self.price = np.where(self.tradable, tape.fill, 0.0)
        self.half_spread = tape.half_spread
        self.volume = tape.volume
        priced = np.isfinite(tape.volatility) & (tape.volume > 0)
        self.impact_rate = np.divide(
            tape.volatility,
            np.sqrt(tape.volume, where=priced, out=np.ones(priced.shape)),
            out=np.zeros(priced.shape),
            where=priced,
        )
        self.unpriced = ~priced
        self.any_unpriced = self.unpriced.any(axis=1)
        shape = n_configurations, len(tape.tickers)
        self._quantity, self._notional, self._charge = (np.empty(shape) for _ in range(3))

    def fill(self, accounts: Accounts, bar: int) -> None:
        """Trade what waits and finds a price, each order at most the participation cap."""
        if not accounts.orders.any():
            accounts.trades.fill(0.0)
            return
        quantity, notional = self._quantity, self._notional
        if self.all_tradable[bar]:
            np.copyto(quantity, accounts.orders)
        else:
            self._count_late(accounts, bar)
            np.multiply(accounts.orders, self.tradable[bar], out=quantity)
        np.multiply(quantity, self.price[bar], out=accounts.trades)
        np.abs(accounts.trades, out=notional)
        if accounts.conditions.participation_cap.any():
            self._cap(accounts, bar)
        accounts.orders -= quantity
        accounts.shares += quantity
        accounts.fresh.fill(False)
        accounts.cash -= accounts.trades.sum(axis=1)
        self._charge_costs(accounts, bar)

    def _count_late(self, accounts: Accounts, bar: int) -> None:
        late = accounts.fresh & (accounts.orders != 0) & ~self.tradable[bar]
        accounts.counts["late_orders"] += late.sum(axis=1)

    def _cap(self, accounts: Accounts, bar: int) -> None:
        """Cut what is beyond the cap down to it; nothing is beyond an unknown (NaN) one."""
        cap, whole = accounts.conditions.participation_cap, accounts.conditions.whole_shares
        most = np.multiply(cap[:, None], self.volume[bar - 1], out=self._charge)
        if not cap.all():
            most[cap == 0] = np.inf
        cut = self._notional > most * (1 + TOLERANCE)
        if not cut.any():
            return
        accounts.counts["capped_orders"] += cut.sum(axis=1)
        configuration, ticker = np.nonzero(cut)
        shares = np.copysign(most[cut] / self.price[bar, ticker], self._quantity[cut])
        self._quantity[cut] = np.where(whole[configuration], to_whole(shares), shares)
        np.multiply(self._quantity, self.price[bar], out=accounts.trades)
        np.abs(accounts.trades, out=self._notional)

    def _charge_costs(self, accounts: Accounts, bar: int) -> None:
        terms, flows, notional = accounts.conditions, accounts.flows, self._notional
        traded = notional.sum(axis=1)
        flows["commission"] = traded * terms.commission
        flows["spread"] = traded * terms.fixed_spread
        if terms.pays_tape_spread.any():
            charge = np.multiply(notional, self.half_spread[bar - 1], out=self._charge)
            flows["spread"] += charge.sum(axis=1) * terms.pays_tape_spread
        if terms.impact.any():
            charge = np.sqrt(notional, out=self._charge)
            charge *= notional
            charge *= self.impact_rate[bar - 1]
            flows["impact"] = charge.sum(axis=1) * terms.impact
            if self.any_unpriced[bar - 1]:
                free = ((notional != 0) & self.unpriced[bar - 1]).sum(axis=1)
                accounts.counts["unpriced_impact"] += np.where(terms.impact > 0, free, 0)
        accounts.cash -= flows["commission"] + flows["spread"] + flows["impact"]


def to_whole(shares: np.ndarray) -> np.ndarray:
    """Shares rounded towards zero; a rounding error below a whole number counts as that number."""
    return np.trunc(shares * (1 + TOLERANCE))
