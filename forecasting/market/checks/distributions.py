"""Dividends and splits that are no plain ones, or that the adjusted close does not agree with.

Symbols: a adjusted close, c close, d dividend and s split of the bar (its ex-date), ' the bar
before. Sources reinvest a dividend at the close of the ex-date, a / a' = (c s + d) / c', or at the
close before, a / a' = c s / (c' - d), as Yahoo and CRSP; where the close is split-adjusted already,
as Yahoo's, s is 1 in both. An adjusted close that fits one of the four is consistent.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import Bool

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.history import History, Market

ODD_DISTRIBUTION = "odd-distribution"
ADJUSTMENT = "adjustment"

LARGE_DIVIDEND = 0.1
"""Share of the last close above which a dividend is a spin-off or a special one: ordinary yields
stay below 3 % a payment, and a tenth of a company is seldom paid in cash."""
LARGEST_DENOMINATOR = 10
"""Shares are split 3:2 or 7:1, and stock dividends give 1 for 10; 1.054 for 1 is a spin-off booked
as a split."""
RATIO_TOLERANCE = 1e-3
"""Relative: sources write 1.33333 and 7.000007."""
DISAGREEMENT = 0.002
"""Log return by which the adjusted close may miss the recorded distribution: cents of rounding at a
price of 5."""
SEVERE_DISAGREEMENT = 0.01
"""Log return from which the miss is as large as a day's move."""
FACTOR_FALL = 0.005
"""Log change; smaller falls of the factor are the rounding of an adjusted close."""
SPLIT_FALL = 0.2
"""Log change; a fall that large is a reverse split, which may well be right."""


def odd_distributions(market: Market) -> Iterator[Finding]:
    """Dividends too large, and splits too odd, to be what they are called."""
    for history in market.histories:
        paid = history.column("dividend") / history.before("close")
        for bar in np.flatnonzero(paid >= LARGE_DIVIDEND).tolist():
            yield history.finding(
                ODD_DISTRIBUTION,
                "warning",
                bar,
                bar,
                seen=f"a dividend of {paid[bar]:.1%} of the close before",
                expected=f"less than {LARGE_DIVIDEND:.0%}; a spin-off or a special dividend",
                next_step="The adjusted close reinvests it; no cash of that size was paid in a "
                "spin-off.",
            )
        ratio = history.column("split")
        for bar in np.flatnonzero(np.isfinite(ratio) & (ratio != 1)).tolist():
            if not _is_plain(float(ratio[bar])):
                yield history.finding(
                    ODD_DISTRIBUTION,
                    "warning",
                    bar,
                    bar,
                    seen=f"a split of {ratio[bar]:g} for 1",
                    expected="a ratio of small whole numbers; a spin-off booked as a split",
                    next_step="Share counts and volumes did not change by it; compare with "
                    "another source.",
                )


def adjustments(market: Market) -> Iterator[Finding]:
    """Adjusted returns against recorded distributions; against common sense where none are."""
    for history in market.histories:
        recorded = np.isfinite(history.column("dividend") + history.column("split"))
        yield from _disagreements(history, recorded)
        yield from _falling_factor(history, ~recorded)


def _disagreements(history: History, recorded: Bool[np.ndarray, " bar"]) -> Iterator[Finding]:
    close, dividend, split = (history.column(name) for name in ("close", "dividend", "split"))
    before = history.before("close")
    with np.errstate(invalid="ignore", divide="ignore"):
        total_returns = np.log(
            [
                (close * split + dividend) / before,
                (close + dividend) / before,
                close * split / (before - dividend),
                close / (before - dividend),
            ]
        )
    misses = history.log_return - total_returns
    miss = np.where(np.isnan(misses), np.inf, misses)
    miss = miss[np.abs(miss).argmin(axis=0), np.arange(len(close))]
    has_return = np.isfinite(history.log_return)
    for bar in np.flatnonzero(recorded & has_return & (np.abs(miss) > DISAGREEMENT)).tolist():
        yield history.finding(
            ADJUSTMENT,
            "error" if abs(miss[bar]) > SEVERE_DISAGREEMENT else "warning",
            bar,
            bar,
            seen=f"adjusted return {history.log_return[bar]:+.4f}, {miss[bar]:+.4f} off the close "
            f"with dividend {dividend[bar]:g} and split {split[bar]:g}",
            expected="close x split with the dividend reinvested, over the close before",
            next_step="Fetch the ticker again; else compare the distribution with another source.",
        )


def _falling_factor(history: History, unrecorded: Bool[np.ndarray, " bar"]) -> Iterator[Finding]:
    """A distribution makes earlier adjusted prices smaller: adj_close / close only ever rises."""
    factor = np.log(history.column("adj_close") / history.column("close"))
    change = np.diff(factor, prepend=np.nan)
    for bar in np.flatnonzero(unrecorded & (change < -FACTOR_FALL)).tolist():
        reverse = change[bar] < -SPLIT_FALL and _is_plain(float(np.exp(-change[bar])))
        yield history.finding(
            ADJUSTMENT,
            "note" if reverse else "warning",
            bar,
            bar,
            seen=f"adj_close / close falls by {-np.expm1(change[bar]):.2%}",
            expected="a factor that rises with time, at ex-dates; a reverse split lets it fall",
            next_step="A reverse split needs nothing; otherwise fetch the ticker again.",
        )


def _is_plain(ratio: float) -> bool:
    """Whether a split ratio, or its inverse, is a fraction of small whole numbers."""
    if ratio <= 0:
        return False
    larger = max(ratio, 1 / ratio)
    near = Fraction(larger).limit_denominator(LARGEST_DENOMINATOR)
    return abs(float(near) / larger - 1) <= RATIO_TOLERANCE
