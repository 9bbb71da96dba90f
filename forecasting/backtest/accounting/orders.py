"""From a decision to orders in shares: margin calls, target weights, exits from the universe."""

import numpy as np

from forecasting.backtest.accounting.accounts import Accounts
from forecasting.backtest.accounting.fills import TOLERANCE, to_whole
from forecasting.backtest.accounting.policy import Policy


class Desk:
    """Sends the orders of a close; they are filled at the next bar."""

    def __init__(self, accounts: Accounts, policy: Policy) -> None:
        self.accounts, self.policy = accounts, policy
        self._wanted = np.empty(accounts.shares.shape)

    def send(self, bar: int) -> None:
        """Cut what is beyond the margin limit, then ask the policy, then leave what has left."""
        accounts, member = self.accounts, self.accounts.tape.member
        outside = None if member is None or member[bar].all() else ~member[bar]
        self._call_margin()
        targets = self._decision(bar)
        if targets is not None:
            self._order(bar, targets if outside is None else np.where(outside, 0.0, targets))
        if outside is not None:
            self._leave(outside)
        else:
            accounts.leaving.fill(False)

    def _call_margin(self) -> None:
        """Order all holdings of an account beyond its limit down in proportion."""
        accounts, limit = self.accounts, self.accounts.conditions.margin_limit
        called = (accounts.gross > accounts.equity * limit * (1 + TOLERANCE)) & ~accounts.resting
        if not called.any():
            return
        accounts.counts["margin_calls"] += called
        allowed = (accounts.equity * limit)[called] / accounts.gross[called]
        held = accounts.shares[called]
        wanted = held * allowed[:, None]
        whole = accounts.conditions.whole_shares[called]
        accounts.orders[called] = np.where(whole[:, None], to_whole(wanted), wanted) - held
        accounts.fresh[called] = True

    def _decision(self, bar: int) -> np.ndarray | None:
        """The policy's weights as rows, one a configuration or one for all."""
        accounts = self.accounts
        held = np.divide(
            accounts.positions,
            accounts.equity[:, None],
            out=np.zeros_like(accounts.positions),
            where=~accounts.resting[:, None],
        )
        targets = self.policy.decide(bar, held)
        if targets is None:
            return None
        if targets.shape not in (held.shape, held.shape[1:]):
            raise ValueError(
                f"weights of shape {targets.shape} at bar {bar}: expected {held.shape[1:]} or "
                f"{held.shape}, one for each ticker, or for each configuration and ticker"
            )
        if np.isinf(targets).any():
            ticker = accounts.tape.tickers[np.argwhere(np.isinf(targets))[0][-1]]
            raise ValueError(
                f"the weight of {ticker} at bar {bar} is infinite: expected a finite number, or "
                "NaN to leave the holding alone"
            )
        return np.atleast_2d(targets)

    def _order(self, bar: int, targets: np.ndarray) -> None:
        """Replace the waiting orders by those that lead to the targets."""
        accounts = self.accounts
        mark = accounts.tape.mark[bar]
        kept = np.isnan(targets)
        any_kept = bool(kept.any())
        if any_kept:
            kept, targets = np.broadcast_to(kept, self._wanted.shape), np.nan_to_num(targets)
        money = self._affordable(targets, kept if any_kept else None, mark)
        np.multiply(targets, money[:, None], out=self._wanted)
        if mark.all():
            self._wanted /= mark
        else:
            unknown = (self._wanted != 0) & (mark == 0)
            accounts.counts["late_orders"] += unknown.sum(axis=1)
            self._wanted /= np.where(mark > 0, mark, np.inf)
        whole = accounts.conditions.whole_shares
        if whole.any():
            np.copyto(self._wanted, to_whole(self._wanted), where=whole[:, None])
        self._wanted -= accounts.shares
        if any_kept:
            np.copyto(accounts.orders, self._wanted, where=~kept)
            accounts.fresh |= ~kept
        else:
            accounts.orders, self._wanted = self._wanted, accounts.orders
            accounts.fresh.fill(True)

    def _affordable(
        self, targets: np.ndarray, kept: np.ndarray | None, mark: np.ndarray
    ) -> np.ndarray:
        """Money behind a weight of 1: equity, less where targets exceed the limit, 0 at rest.

        Holdings that are left alone, with their waiting orders, use up their share of the limit.
        """
        accounts = self.accounts
        equity = np.where(accounts.resting, 0.0, accounts.equity)
        limit = accounts.conditions.margin_limit
        gross = np.abs(targets).sum(axis=1)
        room = limit
        if kept is not None:
            value = np.abs((accounts.shares + accounts.orders) * mark)
            value = np.where(kept, value, 0.0).sum(axis=1)
            used = np.divide(value, equity, out=np.zeros_like(equity), where=~accounts.resting)
            room = np.where(used < limit * (1 - TOLERANCE), limit - used, 0.0)
        over = (gross > room * (1 + TOLERANCE)) & ~accounts.resting
        if not over.any():
            return equity
        accounts.counts["scaled_decisions"] += over
        return np.where(over, equity * room / np.where(over, gross, 1.0), equity)

    def _leave(self, outside: np.ndarray) -> None:
        """Order the sale of all that is held outside the universe; buy nothing there."""
        accounts = self.accounts
        leaving = outside & (accounts.shares != 0)
        new = leaving & ~accounts.leaving
        accounts.counts["exits"] += new.sum(axis=1)
        accounts.fresh |= new
        accounts.leaving = leaving
        np.copyto(accounts.orders, np.negative(accounts.shares), where=outside)
