"""Bars that contradict themselves or lack a value: order of their prices, bars without a range."""

from collections.abc import Iterator

import numpy as np

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.history import Market, runs

BAR_ORDER = "bar-order"
FLAT_BARS = "flat-bars"
BLANK_VALUES = "blank-values"

ORDER_TOLERANCE = 1e-6
"""Relative: adjusted quotes carry the rounding of their factor."""
SEVERE_DISORDER = 0.005
"""Relative: up to half a percent it is the rounding or the auction of a source, and the bar's
features hardly change."""
FLAT_NOTED = 5
"""So many bars with one price for all four say that the source had only closes then."""

_MAY_BE_BLANK = ("open", "high", "low", "close", "volume")


def disordered_bars(market: Market) -> Iterator[Finding]:
    """Bars whose high lies below, or whose low lies above, another of their prices."""
    for history in market.histories:
        open_, high, low, close = (history.column(n) for n in ("open", "high", "low", "close"))
        below = np.fmax(np.fmax(open_, close), low) / high - 1
        above = 1 - np.fmin(np.fmin(open_, close), high) / low
        disorder = np.fmax(below, above)
        for bar in np.flatnonzero(disorder > ORDER_TOLERANCE).tolist():
            quotes = ", ".join(f"{price[bar]:g}" for price in (open_, high, low, close))
            severe = disorder[bar] > SEVERE_DISORDER
            yield history.finding(
                BAR_ORDER,
                "error" if severe else "warning",
                bar,
                bar,
                seen=f"open, high, low, close {quotes}",
                expected="low <= open, close <= high",
                next_step="Correct the bar in the source, or leave it out with --quarantine.",
                maskable=True,
            )


def flat_bars(market: Market) -> Iterator[Finding]:
    """Bars with one price for open, high, low and close: one finding a ticker."""
    for history in market.histories:
        high, low = history.column("high"), history.column("low")
        flat = (high == low) & (history.column("open") == history.column("close"))
        if flat.sum() < FLAT_NOTED:
            continue
        bars = np.flatnonzero(flat).tolist()
        yield history.finding(
            FLAT_BARS,
            "note",
            bars[0],
            bars[-1],
            seen=f"{flat.sum()} bars of {len(flat)} have no range",
            expected="a high above the low",
            next_step="Range features are 0 there: use closes only (data.features=close), or start "
            "later.",
        )


def blank_values(market: Market) -> Iterator[Finding]:
    """Bars that lack a value which the ticker's other bars have."""
    for history in market.histories:
        for name in _MAY_BE_BLANK:
            blank = np.isnan(history.column(name))
            if not blank.any() or blank.all():
                continue
            stretches = runs(blank)
            yield history.finding(
                BLANK_VALUES,
                "note",
                stretches[0][0],
                stretches[-1][1],
                seen=f"{blank.sum()} bars of {len(blank)} have no {name}",
                expected=f"a {name} on every bar or on none",
                next_step=f"Features that need the {name} are blank there; fetch again.",
            )
