"""Draw a simulated market, with or without the truth about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.simulation.bars import (
    DAILY_INTERVAL,
    Values,
    bar_times,
    bars_a_day,
    bars_of_days,
)
from forecasting.market.simulation.corporate_actions import apply_events, mask_truth
from forecasting.market.simulation.cross_section import LOG_VOLUME, LOG_VOLUME_SPREAD
from forecasting.market.simulation.markets import MARKETS
from forecasting.market.simulation.paths import day_paths
from forecasting.market.simulation.schedule import schedule
from forecasting.market.simulation.settings import DAYS, MarketSettings
from forecasting.market.simulation.shocks import StepStream
from forecasting.market.simulation.truth import Truth

FIRST_DAY = "2000-01-03"
"""First business day of every market."""

_EVENT_STREAM = 4
_INTRADAY_BLOCK = 1 << 8  # ticker-days in a block; each has some 800 points inside


@dataclass(frozen=True, eq=False)
class DrawnMarket:
    """A market whose law is drawn and whose bars are not yet.

    Attributes:
        settings: What was asked for; the length of the bars is chosen later.
        truth: Law of every day.
        stream: The shocks that go with it.
        first: Log prices before the first day.
        volume: Shares traded on each day.
    """

    settings: MarketSettings
    truth: Truth
    stream: StepStream
    first: Float[np.ndarray, " ticker"]
    volume: Float[np.ndarray, "day ticker"]

    @cached_property
    def days(self) -> np.ndarray:
        """The market's days, `datetime64[ns]`."""
        days = pd.bdate_range(FIRST_DAY, periods=self.settings.n_bars)
        return days.to_numpy().astype("datetime64[ns]")

    def blocks(self, interval: str) -> Iterator[tuple[slice, Values]]:
        """The bars without events, some days at a time: which rows, and their values."""
        settings = self.settings
        daily = interval == DAILY_INTERVAL
        block_days = None if daily else max(1, _INTRADAY_BLOCK // settings.n_tickers)
        paths = day_paths(self.truth, self.stream, self.first, block_days)
        return bars_of_days(paths, self.volume, interval, settings.seed)


def simulate(
    kind: str,
    n_tickers: int = 8,
    n_bars: int = DAYS,
    seed: int = 0,
    *,
    interval: str = DAILY_INTERVAL,
    events: bool = False,
    ic: float | None = None,
) -> Panel:
    """Draw a market; equal arguments give equal prices.

    Args:
        kind: A name out of `MARKETS`; the room's docstring says what they are.
        n_tickers: Tickers `SIM01`, `SIM02`, ..., at most 5,000.
        n_bars: Business days from 2000-01-03, at most 60,000, also where the bars are shorter.
        seed: Seed of everything that is drawn.
        interval: `1d`, or bars of `1h`, `30m`, `15m`, `5m`, `1m` inside the daily ones.
        events: Whether there are corporate actions, halts, late listings and delistings.
        ic: Expected daily rank IC of the `cross-section` market; None for 0.05.

    Raises:
        DataError: A market or interval that does not exist, or a number out of range.
    """
    return draw(MarketSettings(kind, n_tickers, n_bars, seed, interval, events, ic))[0]


def simulate_with_truth(
    kind: str,
    n_tickers: int = 8,
    n_bars: int = DAYS,
    seed: int = 0,
    *,
    interval: str = DAILY_INTERVAL,
    events: bool = False,
    ic: float | None = None,
) -> tuple[Panel, Truth]:
    """Draw a market and say what its returns were drawn from, day by day; see `simulate`."""
    return draw(MarketSettings(kind, n_tickers, n_bars, seed, interval, events, ic))


def draw(settings: MarketSettings) -> tuple[Panel, Truth]:
    """Draw the market that settings describe; see `simulate`."""
    market = draw_market(settings)
    days, truth, tickers = market.days, market.truth, settings.tickers
    per_day = bars_a_day(settings.interval)
    values = np.empty((len(days) * per_day, len(tickers), len(COLUMNS)))
    for rows, block in market.blocks(settings.interval):
        values[rows] = block
    if settings.events:
        rng = np.random.default_rng([settings.seed, _EVENT_STREAM])
        happened = schedule(rng, days, tickers)
        apply_events(values, happened, tickers, per_day)
        present = np.isfinite(values[::per_day, :, COLUMNS.index("close")])
        truth = mask_truth(truth, happened, tickers, present)
    times = bar_times(days, settings.interval)
    return Panel(times, tickers, values, settings.interval, settings.label), truth


def draw_market(settings: MarketSettings) -> DrawnMarket:
    """Draw the law of every day of a market."""
    stream = StepStream(settings.seed, settings.n_bars, settings.n_tickers)
    rng, shocks = stream.shocks()
    truth = MARKETS[settings.kind](rng, shocks, **settings.parameters)
    first = np.log(rng.uniform(20, 200, settings.n_tickers))
    if truth.signal is None:
        volume = rng.lognormal(LOG_VOLUME, LOG_VOLUME_SPREAD, shocks.own.shape)
    else:
        volume = np.exp(LOG_VOLUME + LOG_VOLUME_SPREAD * truth.signal)
    return DrawnMarket(settings, truth, stream, first, np.round(volume))
