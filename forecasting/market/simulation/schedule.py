"""When a simulated ticker is listed, splits, pays, is halted and ends.

Numbers are rates times the size of the market, rounded up: every kind happens at least once.
"""

import math

import numpy as np

from forecasting.market.simulation.event import Event, EventKind

MIN_EVENT_BARS = 252
"""Days that a market with events needs."""
SPLITS_A_YEAR, SPIN_OFFS_A_YEAR, HALTS_A_YEAR = 0.1, 0.02, 0.2
"""Expected numbers for one ticker."""
LATE, DELISTED, PAYERS = 0.2, 0.2, 0.6
"""Shares of the tickers that are listed late, are delisted, pay dividends."""
SPLIT_RATIOS, SPLIT_CHANCES = (2.0, 3.0, 1.5, 4.0, 0.1), (0.5, 0.2, 0.1, 0.1, 0.1)
"""New shares for one old one; the last is a reverse split."""
QUARTER = 63
"""Days between two dividends."""
DELISTING_RETURNS = (-0.3, 0.2)
"""Simple return of the last day on top of the market's: failure, takeover.

Source of the first: Shumway (1997), The delisting bias in CRSP data, J. Finance 52.
"""

_DAYS_A_YEAR = 252
_LONGEST_HALT = 10


def schedule(
    rng: np.random.Generator, days: np.ndarray, tickers: tuple[str, ...]
) -> tuple[Event, ...]:
    """Draw what happens to the tickers of a market.

    No two events of a ticker fall on one day, and none on its first or last day, within a halt or
    on the day after one. Late tickers start in the first 40 % of the days, delisted ones end in the
    last 40 %.

    Args:
        rng: What is drawn from.
        days: The market's days, at least `MIN_EVENT_BARS`.
        tickers: Their names.

    Returns:
        The events in the order of their days.
    """
    return _Schedule(rng, days, tickers).draw()


class _Schedule:
    """The events drawn so far, each ticker's first and last day, and which days are taken."""

    def __init__(
        self, rng: np.random.Generator, days: np.ndarray, tickers: tuple[str, ...]
    ) -> None:
        self._rng, self._days, self._tickers = rng, days, tickers
        self._first = [0] * len(tickers)
        self._last = [len(days) - 1] * len(tickers)
        self._taken = np.zeros((len(tickers), len(days)), dtype=bool)
        self._events: list[Event] = []

    def draw(self) -> tuple[Event, ...]:
        self._lives()
        for k in self._anyone(HALTS_A_YEAR):
            self._halt(k)
        for k in self._some(PAYERS):
            self._dividends(k)
        for k in self._anyone(SPIN_OFFS_A_YEAR):
            self._add("spin_off", k, self._free_bar(k), self._rng.uniform(0.1, 0.4))
        for k in self._anyone(SPLITS_A_YEAR):
            ratio = float(self._rng.choice(SPLIT_RATIOS, p=SPLIT_CHANCES))
            self._add("split", k, self._free_bar(k), ratio)
        return tuple(sorted(self._events, key=lambda event: (event.bar, event.ticker)))

    def _lives(self) -> None:
        n_bars = len(self._days)
        for k in self._some(LATE):
            self._first[k] = int(self._rng.integers(n_bars // 10, 4 * n_bars // 10))
            self._add("listing", k, self._first[k], 0.0)
        for k in self._some(DELISTED):
            self._last[k] = int(self._rng.integers(6 * n_bars // 10, 9 * n_bars // 10))
            self._add("delisting", k, self._last[k], float(self._rng.choice(DELISTING_RETURNS)))

    def _halt(self, k: int) -> None:
        length = int(self._rng.integers(1, _LONGEST_HALT + 1))
        # A bar remains before the halt, one after it and the last one.
        bar = int(self._rng.integers(self._first[k] + 1, self._last[k] - length))
        if not self._taken[k, bar : bar + length + 1].any():
            self._add("halt", k, bar, float(length))
            self._taken[k, bar : bar + length + 1] = True

    def _dividends(self, k: int) -> None:
        share = self._rng.uniform(0.003, 0.01)
        start = self._first[k] + int(self._rng.integers(1, QUARTER // 3))
        for bar in range(start, self._last[k] - _LONGEST_HALT - 2, QUARTER):
            free = bar + int(np.argmin(self._taken[k, bar:]))
            if free < self._last[k]:
                self._add("dividend", k, free, share)

    def _free_bar(self, k: int) -> int:
        life = np.arange(self._first[k] + 1, self._last[k])
        return int(self._rng.choice(life[~self._taken[k, life]]))

    def _add(self, kind: EventKind, k: int, bar: int, size: float) -> None:
        self._taken[k, bar] = True
        self._events.append(Event(kind, self._tickers[k], bar, self._days[bar], size))

    def _some(self, share: float) -> list[int]:
        """Different tickers, this share of all, rounded up."""
        count = math.ceil(share * len(self._tickers))
        return self._rng.choice(len(self._tickers), count, replace=False).tolist()

    def _anyone(self, a_year: float) -> list[int]:
        """A ticker for each of the events of a kind, with repeats."""
        years = len(self._days) / _DAYS_A_YEAR
        count = math.ceil(a_year * years * len(self._tickers))
        return self._rng.integers(len(self._tickers), size=count).tolist()
