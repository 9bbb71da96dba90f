"""The slow twin of the engine: one account in Decimal, one event after the other."""

from dataclasses import dataclass, field
from decimal import Decimal, getcontext

import numpy as np

getcontext().prec = 50


@dataclass
class DecimalAccount:
    """Cash and shares a ticker, with the last price at which each one was seen."""

    cash: Decimal
    rate: Decimal
    shares: dict[int, Decimal] = field(default_factory=dict)
    last_price: dict[int, Decimal] = field(default_factory=dict)
    orders: dict[int, Decimal] = field(default_factory=dict)
    paid: Decimal = Decimal(0)

    def value(self, prices: dict[int, Decimal]) -> Decimal:
        total = self.cash
        for ticker, held in self.shares.items():
            total += held * prices.get(ticker, self.last_price[ticker])
        return total

    def trade(self, prices: dict[int, Decimal]) -> None:
        fillable = {ticker: w for ticker, w in self.orders.items() if ticker in prices}
        before = self.value(prices)
        after = before
        for _ in range(80):
            cost = Decimal(0)
            for ticker, weight in fillable.items():
                held = self.shares.get(ticker, Decimal(0)) * prices[ticker]
                cost += self.rate * abs(weight * after - held)
            after = before - cost
        if after <= 0:
            return
        for ticker, weight in fillable.items():
            wanted = weight * after / prices[ticker]
            bought = wanted - self.shares.get(ticker, Decimal(0))
            notional = bought * prices[ticker]
            self.cash -= notional + self.rate * abs(notional)
            self.paid += self.rate * abs(notional)
            self.shares[ticker] = wanted
            self.last_price.setdefault(ticker, prices[ticker])
            del self.orders[ticker]


def decimal_equity(
    fills: np.ndarray,
    closes: np.ndarray,
    weights: np.ndarray,
    decides: np.ndarray,
    bps: str,
    capital: str = "1",
) -> tuple[list[Decimal], Decimal]:
    """Equity at each close and all costs paid; prices are arrays (time, ticker) with NaN gaps."""
    account = DecimalAccount(Decimal(capital), Decimal(bps) / 10_000)
    equity = [account.cash]
    _see(account, closes[0])
    for bar in range(1, len(closes)):
        if decides[bar - 1]:
            account.orders = {k: Decimal(float(w)) for k, w in enumerate(weights[bar - 1])}
        account.trade(_present(fills[bar]))
        _see(account, closes[bar])
        equity.append(account.value({}))
        if equity[-1] <= 0:
            equity += [equity[-1]] * (len(closes) - bar - 1)
            break
    return equity, account.paid


def _present(row: np.ndarray) -> dict[int, Decimal]:
    return {k: Decimal(float(price)) for k, price in enumerate(row) if np.isfinite(price)}


def _see(account: DecimalAccount, row: np.ndarray) -> None:
    account.last_price |= _present(row)
