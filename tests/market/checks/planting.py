"""Defects planted into prices, each as sources really have them."""

from dataclasses import replace

import numpy as np

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.inspection import inspect
from forecasting.market.panel import COLUMNS, Panel

QUOTES = ("open", "high", "low", "close", "adj_close")


def edit(panel: Panel, ticker: str, rows: object, **columns: object) -> Panel:
    """The panel with some values of a ticker replaced; a function is given the old values."""
    values, k = panel.values.copy(), panel.tickers.index(ticker)
    for name, new in columns.items():
        old = values[rows, k, COLUMNS.index(name)]
        values[rows, k, COLUMNS.index(name)] = new(old) if callable(new) else new
    return replace(panel, values=values)


def close_only(panel: Panel) -> Panel:
    """The panel with nothing but an adjusted close."""
    values = np.full_like(panel.values, np.nan)
    values[:, :, COLUMNS.index("adj_close")] = panel.column("adj_close")
    return replace(panel, values=values)


def repeat_bar(panel: Panel, ticker: str, row: int) -> Panel:
    """Let a bar repeat the prices of the bar before."""
    k = panel.tickers.index(ticker)
    before = {name: panel.column(name)[row - 1, k] for name in QUOTES}
    return edit(panel, ticker, row, **before)


def split_shares(panel: Panel, ticker: str, row: int, ratio: float) -> Panel:
    """Let prices from a bar on be raw after a split that nobody recorded."""
    prices = dict.fromkeys(QUOTES, lambda old: old / ratio)
    return edit(panel, ticker, slice(row, None), volume=lambda old: old * ratio, **prices)


def found(panel: Panel, check: str, calendar: str | None = None) -> list[Finding]:
    """What one check finds."""
    return [each for each in inspect(panel, calendar=calendar) if each.check == check]


def where(findings: list[Finding]) -> list[tuple[str, str]]:
    """Ticker and first time of findings."""
    return [(each.ticker, str(each.first)[:10]) for each in findings]
