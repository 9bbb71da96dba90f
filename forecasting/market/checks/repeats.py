"""Bars that repeat: a whole bar again, one day of the same closes, prices that froze.

A source that misses a day often sends the day before once more. The false zero return hides there,
and the true return lands on the bar after.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import poisson

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.history import History, Market, runs

REPEATED_BAR = "repeated-bar"
SHARED_REPEAT = "shared-repeat"
FROZEN_PRICE = "frozen-price"

REPEATED_PROBABILITY = 0.01
"""Whole bars expected to repeat by chance in the whole history, above which one is no defect: cheap
shares repeat four prices of a few cents' range in quiet hours."""
SHARED_PROBABILITY = 1e-6
"""Chance of as many unchanged closes on one bar, tickers independent, below which they are a
defect: one false alarm in a million bars."""
SHARED_TICKERS = 3
"""Fewer tickers are a coincidence whatever their chance."""
FROZEN_PROBABILITY = 1e-4
"""Chance in the whole history, below which a run of unchanged closes is no quiet market."""
FROZEN_BARS = 5
"""Shorter runs happen to cheap shares."""

_YEAR = 252  # bars around a bar on which the usual share of unchanged closes is counted
_FREE_PRICES = 3  # high, low and close; where all three repeat, the open often does too
_LEAST_SHARE = 0.002  # of unchanged closes; that of an expensive share in cents
_REMEDY = "Compare with another source; if it is stale, leave it out with --quarantine."


def repeated_bars(market: Market) -> Iterator[Finding]:
    """Bars whose open, high, low and close are all those of the bar before.

    If each of high, low and close is unchanged with the chance p that the close has in the year
    around, n bars bring n p^3 repeats: the suspicion is an error where that is small, or where
    several tickers repeat the same bar.
    """
    repeats = {history.ticker: _whole_bar_repeats(history) for history in market.histories}
    number = np.zeros(len(market.panel.times), dtype=int)
    for history in market.histories:
        number[history.rows] += repeats[history.ticker]
    for history in market.histories:
        usual = _usual_share(history)
        volume = history.column("volume")
        for first, last in runs(repeats[history.ticker]):
            by_chance = len(usual) * float(usual[first]) ** _FREE_PRICES
            together = int(number[history.rows[first]]) >= SHARED_TICKERS
            stale = together or by_chance < REPEATED_PROBABILITY
            again = " and its volume" if volume[first] == volume[first - 1] else ""
            yield history.finding(
                REPEATED_BAR,
                "error" if stale else "note",
                first,
                last,
                seen=f"repeats all four prices of the bar before{again}",
                expected="a bar of its own",
                next_step=_REMEDY,
                maskable=stale,
            )


def shared_repeats(market: Market) -> Iterator[Finding]:
    """Bars on which more tickers than can be chance have an unchanged close, and only a close.

    The number of them is compared with a Poisson law whose mean is the sum of each ticker's share
    of unchanged closes in the year around. Where whole bars are known, `repeated_bars` decides.
    """
    grid, share = _unchanged(market)
    number = grid.sum(axis=1)
    chance = poisson.sf(number - 1, share.sum(axis=1))
    shared = (number >= SHARED_TICKERS) & (chance < SHARED_PROBABILITY)
    at = {ticker: k for k, ticker in enumerate(market.panel.tickers)}
    for history in market.histories:
        hit = shared[history.rows] & grid[history.rows, at[history.ticker]]
        for bar in np.flatnonzero(hit & np.isnan(history.column("open"))).tolist():
            row = history.rows[bar]
            yield history.finding(
                SHARED_REPEAT,
                "warning",
                bar,
                bar,
                seen=f"{number[row]} of {market.panel.mask[row].sum()} tickers repeat their close",
                expected=f"about {share[row].sum():.1f} that do",
                next_step=_REMEDY,
                maskable=True,
            )


def frozen_prices(market: Market) -> Iterator[Finding]:
    """Runs of unchanged closes that are too long for how often the ticker's close stands still.

    A run of L has the chance p^L, p the share of unchanged closes in the year around the run; over
    n bars about n p^L such runs are expected.
    """
    for history in market.histories:
        same = history.unchanged
        for first, last in runs(same):
            length = last - first + 1
            if length < FROZEN_BARS:
                continue
            share = max(_LEAST_SHARE, _share_around(same, first, last))
            if len(same) * share**length < FROZEN_PROBABILITY:
                yield history.finding(
                    FROZEN_PRICE,
                    "warning",
                    first,
                    last,
                    seen=f"{length} bars with the close {history.column('adj_close')[first]:g}",
                    expected=f"a new close on {1 - share:.0%} of the bars, as around them",
                    next_step="A halt or a stale feed: leave them out with --quarantine.",
                    maskable=True,
                )


def _whole_bar_repeats(history: History) -> Bool[np.ndarray, " bar"]:
    """Where all four prices are those of the bar before, and not all one."""
    quotes = np.stack([history.column(name) for name in ("open", "high", "low", "close")])
    same = np.r_[False, (quotes[:, 1:] == quotes[:, :-1]).all(axis=0)]
    return same & (quotes[1] > quotes[2])


def _unchanged(
    market: Market,
) -> tuple[Bool[np.ndarray, "time ticker"], Float[np.ndarray, "time ticker"]]:
    """Where a close is unchanged, and how often it is in the year around."""
    grid = np.zeros(market.panel.mask.shape, dtype=bool)
    share = np.zeros(grid.shape)
    for history in market.histories:
        k = market.panel.tickers.index(history.ticker)
        grid[history.rows, k] = history.unchanged
        share[history.rows, k] = _usual_share(history)
    return grid, share


def _usual_share(history: History) -> Float[np.ndarray, " bar"]:
    """Share of unchanged closes in the year around each bar, the bar itself not counted."""
    same = history.unchanged
    total = np.r_[0, np.cumsum(same)]
    bars = np.arange(len(same))
    start, end = np.maximum(bars - _YEAR // 2, 0), np.minimum(bars + _YEAR // 2 + 1, len(same))
    others = np.maximum(end - start - 1, 1)
    return np.maximum((total[end] - total[start] - same) / others, _LEAST_SHARE)


def _share_around(same: Bool[np.ndarray, " bar"], first: int, last: int) -> float:
    """Share of unchanged closes in half a year before and after a run; 0 if there is none."""
    around = np.r_[same[max(first - _YEAR // 2, 0) : first], same[last + 1 : last + 1 + _YEAR // 2]]
    return float(around.mean()) if len(around) else 0.0
