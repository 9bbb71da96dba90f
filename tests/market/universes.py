"""Membership tables for the tests: rosters of simulated tickers that come and go."""

import csv
from datetime import date
from pathlib import Path

import numpy as np

from forecasting.market.panel import Panel
from forecasting.market.universe import Spell, Universe

FOREVER = date(1900, 1, 1)


def universe(*spells: Spell) -> Universe:
    """A table in memory."""
    return Universe(spells, "0" * 64)


def everybody(panel: Panel) -> Panel:
    """The panel with all its tickers as members on all its bars."""
    return universe(*(Spell(ticker, FOREVER, None) for ticker in panel.tickers)).apply(panel)


def day_of(panel: Panel, bar: int) -> date:
    """The day of a bar."""
    return panel.times[bar].astype("datetime64[D]").item()


def roster(panel: Panel, seed: int = 0) -> Universe:
    """A table in which about half the tickers join late, half of the others leave, some return."""
    rng = np.random.default_rng(seed)
    n_bars = len(panel.times)
    spells = []
    for k, ticker in enumerate(panel.tickers):
        first, last = sorted(rng.choice(np.arange(n_bars // 4, n_bars - 20), 2, replace=False))
        if k % 4 == 0:
            spells.append(Spell(ticker, FOREVER, None))
        elif k % 4 == 1:
            spells.append(Spell(ticker, day_of(panel, first), None))
        elif k % 4 == 2:
            spells.append(Spell(ticker, FOREVER, day_of(panel, last)))
        else:
            spells.append(Spell(ticker, FOREVER, day_of(panel, first)))
            spells.append(Spell(ticker, day_of(panel, last), None))
    return universe(*spells)


def write_table(path: Path, table: Universe) -> Path:
    """Write a membership table as CSV."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("symbol", "from", "to", "final_return"))
        rows.writerows((s.symbol, s.first, s.last, s.final_return) for s in table.spells)
    return path
