"""Prices on a grid so coarse that it shows in the returns."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.history import History, Market, runs

COARSE_PRICES = "coarse-prices"

COARSE_STEP = 0.1
"""Step over the price, in usual daily moves. Rounding to a step of 0.1 of them adds 0.2 % to the
variance of returns, and features that compare ranges with returns begin to see the grid."""
UNCHANGED_SHARE = 0.1
"""Share of bars with an unchanged close; a price on a fine grid repeats on less than 2 %."""
_LEAST_BARS = 60  # of a year, below which shares are noise


def coarse_prices(market: Market) -> Iterator[Finding]:
    """Years in which the price step is large against the moves; one finding for years in a row."""
    for history in market.histories:
        years = history.times.astype("datetime64[Y]")
        edges = np.flatnonzero(np.r_[True, years[1:] != years[:-1], True]).tolist()
        step, still = _by_year(history, edges)
        coarse: Bool[np.ndarray, " year"] = (step > COARSE_STEP) | (still > UNCHANGED_SHARE)
        for first, last in runs(coarse):
            widest = np.nanmax(step[first : last + 1])
            share = np.average(still[first : last + 1], weights=np.diff(edges)[first : last + 1])
            yield history.finding(
                COARSE_PRICES,
                "note",
                edges[first],
                edges[last + 1] - 1,
                seen=f"a price step of {widest:.2g} usual moves, {share:.0%} unchanged closes",
                expected=f"a step below {COARSE_STEP:g} and below {UNCHANGED_SHARE:.0%} unchanged",
                next_step="Zero returns there are rounding: start later, or get more decimals.",
            )


def _by_year(
    history: History, edges: list[int]
) -> tuple[Float[np.ndarray, " year"], Float[np.ndarray, " year"]]:
    """Price step in usual moves, and share of unchanged closes, of each calendar year.

    The step is the smallest change of the price in the year, at its median price; the usual move
    is the mean absolute log return. 0 in years of few bars.
    """
    price, size = history.column("adj_close"), np.abs(history.log_return)
    step, still = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for year, (start, end) in enumerate(pairwise(edges)):
        changes = np.abs(np.diff(price[start:end]))
        changes = changes[changes > 0]
        if end - start < _LEAST_BARS or not len(changes):
            continue
        step[year] = changes.min() / np.median(price[start:end]) / np.nanmean(size[start:end])
        still[year] = history.unchanged[start:end].mean()
    return step, still
