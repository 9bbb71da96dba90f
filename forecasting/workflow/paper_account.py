"""What an account would order at the newest close: the engine's own decision, for one bar."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.backtest.accounting.accounts import Accounts
from forecasting.backtest.accounting.conditions import Conditions
from forecasting.backtest.accounting.fills import Market
from forecasting.backtest.accounting.ledger import COUNTS
from forecasting.backtest.accounting.notes import notes_of
from forecasting.backtest.accounting.orders import Desk
from forecasting.backtest.accounting.policy import Policy
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.tape.tape import Tape


@dataclass(frozen=True, eq=False)
class SentOrders:
    """What an account orders at the last close of a tape, and what that is likely to cost.

    Attributes:
        equity: Cash and holdings at that close, in the currency of the prices.
        price: Mark of each ticker.
        shares: Ordered, signed; 0 for none.
        filled: Of these, what the participation cap lets through on the next bar at that price.
        cost: Commission, half-spread and impact of that, at that price.
        notes: What the account has to say: a margin call, targets that were scaled down ...
    """

    equity: float
    price: Float[np.ndarray, " ticker"]
    shares: Float[np.ndarray, " ticker"]
    filled: Float[np.ndarray, " ticker"]
    cost: Float[np.ndarray, " ticker"]
    notes: tuple[str, ...]

    def table(self, tickers: tuple[str, ...], held: Float[np.ndarray, " ticker"]) -> pd.DataFrame:
        """One row a ticker that is held or ordered.

        Columns: ticker, price (newest close), held, weight (share of equity held when the order is
        filled at that price), target (shares then), order (shares, signed), notional (signed),
        first (shares that the participation cap lets through on the next bar), cost (of these).

        Args:
            tickers: Of the tape.
            held: Shares before the orders.
        """
        target = held + self.shares
        table = pd.DataFrame(
            {
                "ticker": tickers,
                "price": self.price,
                "held": held,
                "weight": target * self.price / self.equity,
                "target": target,
                "order": self.shares,
                "notional": self.shares * self.price,
                "first": self.filled,
                "cost": self.cost,
            }
        )
        return table[(table["held"] != 0) | (table["order"] != 0)].reset_index(drop=True)


def send_orders(
    tape: Tape,
    policy: Policy,
    costs: Costs,
    terms: AccountTerms,
    held: Float[np.ndarray, " ticker"],
    cash: float | int,
) -> SentOrders:
    """Let an account decide at the last close of a tape, with the engine's own steps.

    Args:
        tape: To the newest bar.
        policy: Decides on the bars of the tape.
        costs: What trading costs.
        terms: Limits of the account.
        held: Shares that it holds, signed.
        cash: Its cash; negative is borrowed.
    """
    last = len(tape.times) - 1
    account = Accounts(tape, Conditions.of([costs], [terms]))
    account.shares[0], account.cash[0] = held, cash
    account.mark(last)
    Desk(account, policy).send(last)
    shares = account.orders[0].copy()
    filled, cost = _filled(tape, costs, terms, shares)
    notes = [f"{int(n[0]):,} {COUNTS[name]}." for name, n in account.counts.items() if n[0]]
    return SentOrders(
        equity=float(account.equity[0]),
        price=tape.mark[last].copy(),
        shares=shares,
        filled=filled,
        cost=cost,
        notes=(*notes, *notes_of(account)),
    )


def _filled(
    tape: Tape, costs: Costs, terms: AccountTerms, shares: Float[np.ndarray, " ticker"]
) -> tuple[Float[np.ndarray, " ticker"], Float[np.ndarray, " ticker"]]:
    """Shares filled on a next bar at the newest marks, and their costs: an account a ticker."""
    n_tickers = len(shares)
    accounts = Accounts(
        following := _with_next_bar(tape), Conditions.of([costs] * n_tickers, [terms] * n_tickers)
    )
    accounts.orders = np.diag(shares)
    Market(following, n_tickers).fill(accounts, 1)
    paid = accounts.flows["commission"] + accounts.flows["spread"] + accounts.flows["impact"]
    return np.diag(accounts.shares).copy(), paid


def _with_next_bar(tape: Tape) -> Tape:
    """The last bar, and one after it on which everything is filled at the last mark."""
    newest = tape.between(tape.times[-1], tape.times[-1])
    grids = ("mark", "present", "split", "dividend", "half_spread", "volatility", "volume")
    twice: dict[str, Any] = {name: np.repeat(getattr(newest, name), 2, axis=0) for name in grids}
    return replace(
        newest,
        times=np.append(newest.times, newest.times + np.timedelta64(1, "D")),
        elapsed=np.zeros(2),
        fill=np.where(twice["mark"] > 0, twice["mark"], np.nan),
        member=None,
        **twice,
    )
