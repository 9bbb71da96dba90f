"""The Gaussian shocks of a market, day for day in steps: the same stream, drawn block after block.

A day is one overnight step and a session of `STEPS` steps of equal variance; its whole shock has
variance 1. Laws need the shocks of all days, prices need the steps of a few days at a time: so the
steps are drawn twice from the same seed, and never held all at once.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecasting.market.simulation.truth import Grid

STEPS = 16
"""Steps of a session; the open lies before the first, the close behind the last."""
OVERNIGHT = 0.2
"""Share of a day's diffusive variance that falls before its open."""

_SHARES = np.array([OVERNIGHT] + [(1 - OVERNIGHT) / STEPS] * STEPS)
_BLOCK = 1 << 14  # ticker-days in a block: the arrays of a block fit in a processor's cache
_MARKET_STREAM = 1

Steps = Float[np.ndarray, "time ticker step"]


@dataclass(frozen=True, eq=False)
class Shocks:
    """Standard Gaussian shocks of all days.

    Attributes:
        own: One a day and ticker.
        market: One a day, shared by all tickers.
    """

    own: Grid
    market: Float[np.ndarray, "time 1"]


class StepStream:
    """Draws the steps of a market's shocks.

    Args:
        seed: Of the market.
        n_bars: Days.
        n_tickers: Tickers.
    """

    def __init__(self, seed: int, n_bars: int, n_tickers: int) -> None:
        self.n_bars, self.n_tickers = n_bars, n_tickers
        self._own = np.random.default_rng(seed)
        self._market = np.random.default_rng([seed, _MARKET_STREAM])

    def shocks(self) -> tuple[np.random.Generator, Shocks]:
        """The shocks of all days, and the generator behind them, from which laws draw on."""
        stream = copy.deepcopy(self)
        own = np.empty((self.n_bars, self.n_tickers))
        market = np.empty((self.n_bars, 1))
        for days, steps, shared in stream._draw(stream.block_days):
            own[days] = steps.sum(axis=2)
            market[days] = shared.sum(axis=2)
        return stream._own, Shocks(own, market)

    def blocks(self, block_days: int | None = None) -> Iterator[tuple[slice, Steps, Steps]]:
        """Days after days: which ones, each ticker's cumulative steps, and the market's.

        Args:
            block_days: Days in a block; what is drawn does not depend on it.
        """
        for days, steps, shared in copy.deepcopy(self)._draw(block_days or self.block_days):
            yield days, np.cumsum(steps, axis=2), np.cumsum(shared, axis=2)

    @property
    def block_days(self) -> int:
        """Days in a block of bounded size."""
        return max(1, _BLOCK // self.n_tickers)

    def _draw(self, block_days: int) -> Iterator[tuple[slice, Steps, Steps]]:
        for first in range(0, self.n_bars, block_days):
            days = slice(first, min(first + block_days, self.n_bars))
            n_days = days.stop - first
            own = self._own.normal(size=(n_days, self.n_tickers, STEPS + 1))
            market = self._market.normal(size=(n_days, 1, STEPS + 1))
            yield days, own * np.sqrt(_SHARES), market * np.sqrt(_SHARES)
