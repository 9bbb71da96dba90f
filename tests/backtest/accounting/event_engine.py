"""The slow twin: one account, one event after the other, plain numbers in dictionaries.

It shares no code with the engine, only the words of its docstring.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import copysign, floor, isnan, sqrt

from backtest.accounting.market_events import (
    Accrual,
    Close,
    Dividend,
    Event,
    Quote,
    Split,
    events,
)

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.tape.tape import Tape

SLACK = 1 + 1e-9
Decide = Callable[[int, dict[str, float]], dict[str, float] | None]


@dataclass
class Row:
    """One bar of the record."""

    cash: float = 0.0
    equity: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)
    trades: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    flows: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class EventAccount:
    """Hears events and keeps the books."""

    def __init__(self, costs: Costs, terms: AccountTerms, decide: Decide) -> None:
        self.costs, self.terms, self.decide = costs, terms, decide
        self.cash = self.cash_before = float(terms.capital)
        self.shorts_before = 0.0
        self.shares: dict[str, float] = {}
        self.orders: dict[str, float] = {}
        self.new_orders: set[str] = set()
        self.missed: Counter[str] = Counter()
        self.leaving: set[str] = set()
        self.ruined = False
        self.counts: Counter[str] = Counter()
        self.rows: list[Row] = []
        self.row = Row()

    def hear(self, event: Event) -> None:
        match event:
            case Dividend(ticker, per_share):
                paid = self.shares.get(ticker, 0.0) * per_share
                self.cash += paid
                self.row.flows["dividends"] += paid
            case Split(ticker, ratio):
                for book in (self.shares, self.orders):
                    if ticker in book:
                        book[ticker] *= ratio
            case Accrual(years):
                self.accrue(years)
            case Quote():
                self.trade(event)
            case Close():
                self.close(event)

    def accrue(self, years: float) -> None:
        if self.ruined:
            return
        terms = self.terms
        rate = terms.cash_yield if self.cash_before > 0 else terms.financing_rate
        interest = self.cash_before * rate * years
        fee = self.shorts_before * terms.borrow_fee * years
        self.cash += interest - fee
        self.row.flows["interest"] = interest
        self.row.flows["borrow"] = fee

    def trade(self, quote: Quote) -> None:
        order = self.orders.get(quote.ticker, 0.0)
        if order == 0:
            return
        if isnan(quote.price):
            self.counts["late_orders"] += quote.ticker in self.new_orders
            return
        shares, cap = order, self.terms.participation_cap
        if cap > 0 and not isnan(quote.volume):
            most = cap * quote.volume
            if abs(order) * quote.price > most * SLACK:
                shares = copysign(self.rounded(most / quote.price), order)
                self.counts["capped_orders"] += 1
        self.orders[quote.ticker] = order - shares if shares != order else 0.0
        self.shares[quote.ticker] = self.shares.get(quote.ticker, 0.0) + shares
        self.cash -= shares * quote.price
        self.row.trades[quote.ticker] += shares * quote.price
        self.pay_costs(quote, abs(shares) * quote.price)

    def pay_costs(self, quote: Quote, notional: float) -> None:
        fixed = self.costs.spread is SpreadModel.FIXED
        half_spread = self.costs.slippage_bps / 10_000 if fixed else quote.half_spread
        paid = {
            "commission": notional * self.costs.commission_bps / 10_000,
            "spread": notional * half_spread,
        }
        if self.costs.impact > 0 and notional > 0:
            if isnan(quote.volatility) or isnan(quote.volume) or quote.volume == 0:
                self.counts["unpriced_impact"] += 1
            else:
                slope = self.costs.impact * quote.volatility
                paid["impact"] = notional * slope * sqrt(notional / quote.volume)
        for name, amount in paid.items():
            self.row.flows[name] += amount
            self.cash -= amount

    def rounded(self, shares: float) -> float:
        """Towards zero to whole shares, where the account trades whole ones."""
        if not self.terms.whole_shares:
            return shares
        return copysign(floor(abs(shares) * SLACK), shares)

    def close(self, close: Close) -> None:
        self.new_orders = set()
        self.pay_out_delisted(close)
        held = {name: n * close.marks[name] for name, n in self.shares.items()}
        equity = self.cash + sum(held.values())
        if equity <= 0 and not self.ruined:
            self.ruined = True
            for name, value in held.items():
                self.row.trades[name] -= value
            self.cash, self.shares, self.orders, held = equity, {}, {}, {}
        self.row.cash, self.row.equity, self.row.shares = self.cash, equity, dict(self.shares)
        self.rows.append(self.row)
        self.row = Row()
        self.cash_before = self.cash
        self.shorts_before = sum(-value for value in held.values() if value < 0)
        if not close.is_last and not self.ruined:
            self.call_margin(held, equity)
            self.send_orders(close, held, equity)

    def pay_out_delisted(self, close: Close) -> None:
        for name, present in close.present.items():
            self.missed[name] = 0 if present else self.missed[name] + 1
            n = self.shares.get(name, 0.0)
            if n == 0 or present:
                continue
            self.counts["stale_marks"] += 1
            if self.missed[name] >= self.terms.delisted_after:
                value = n * close.marks[name]
                self.row.trades[name] -= value
                self.row.flows["delisting"] += value * self.terms.delisting_return
                self.cash += value * (1 + self.terms.delisting_return)
                self.counts["delistings"] += 1
                self.shares.pop(name)
                self.orders.pop(name, None)

    def call_margin(self, held: dict[str, float], equity: float) -> None:
        gross = sum(abs(value) for value in held.values())
        most = self.terms.margin_limit * equity
        if gross > most * SLACK:
            self.counts["margin_calls"] += 1
            self.orders = {n: self.rounded(s * most / gross) - s for n, s in self.shares.items()}
            self.new_orders = set(self.orders)

    def send_orders(self, close: Close, held: dict[str, float], equity: float) -> None:
        names = list(close.marks)
        decision = self.decide(close.bar, {n: held.get(n, 0.0) / equity for n in names})
        if decision is not None:
            wishes = {n: decision[n] if close.member[n] else 0.0 for n in names}
            self.send_decision(close, wishes, equity)
        leaving = {n for n in names if not close.member[n] and self.shares.get(n, 0.0) != 0}
        for name in names:
            if not close.member[name]:
                self.orders[name] = -self.shares.get(name, 0.0)
        self.counts["exits"] += len(leaving - self.leaving)
        self.new_orders |= leaving - self.leaving
        self.leaving = leaving

    def send_decision(self, close: Close, wishes: dict[str, float], equity: float) -> None:
        kept = [name for name, wish in wishes.items() if isnan(wish)]
        pending = (self.shares.get(n, 0.0) + self.orders.get(n, 0.0) for n in kept)
        used = sum(abs(n * close.marks[name]) for n, name in zip(pending, kept, strict=True))
        room = self.terms.margin_limit - used / equity
        if room < self.terms.margin_limit * 1e-9:
            room = 0.0
        gross = sum(abs(wish) for name, wish in wishes.items() if name not in kept)
        scale = 1.0
        if gross > room * SLACK:
            scale = room / gross
            self.counts["scaled_decisions"] += 1
        for name, wish in wishes.items():
            if name in kept:
                continue
            mark, n = close.marks[name], self.shares.get(name, 0.0)
            if mark == 0:
                self.counts["late_orders"] += wish * scale != 0
                self.orders[name] = 0.0
                continue
            self.orders[name] = self.rounded(wish * scale * equity / mark) - n
            self.new_orders.add(name)


def run_events(
    tape: Tape, decide: Decide, costs: Costs, terms: AccountTerms
) -> tuple[list[Row], Counter[str]]:
    """The record of an account that hears a whole tape, and what it counted."""
    account = EventAccount(costs, terms, decide)
    for event in events(tape):
        account.hear(event)
    return account.rows, account.counts
