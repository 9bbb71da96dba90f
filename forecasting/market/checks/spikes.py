"""Wild prices: a move that the next bar takes back, and a high or low far off the bar's body."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.history import History, Market

SPIKE = "spike"
FAR_EXTREME = "far-extreme"

SPIKE_MOVE = 10.0
"""Usual moves that a bar must be away from the market's median for a spike; in a
market whose volatility itself moves by half, chance makes 8 of them now and then."""
TAKEN_BACK = 0.25
"""Share of the move that may be left after the next bar; what stays is information."""
EXTREME_MOVE = 15.0
EXTREME_RETURN = 0.2
"""Usual moves, and decimal log return, that a high or low lies beyond open and close. Flash crashes
that really traded reach it too: a warning, not an error."""
SHARED_TICKERS = 3
"""A far extreme of so many tickers on one bar was the market, not a bad tick."""

_REMEDY = "Compare with another source; if it is wrong, leave it out with --quarantine."


def spikes(market: Market) -> Iterator[Finding]:
    """Closes far from both neighbours, measured without the move of the panel's median."""
    for history in market.histories:
        move = history.log_return - market.median_return[history.rows]
        after = np.r_[move[1:], np.nan]
        left = np.abs(move + after) <= TAKEN_BACK * np.abs(move)
        for bar in np.flatnonzero((np.abs(move) >= SPIKE_MOVE * history.scale) & left).tolist():
            yield history.finding(
                SPIKE,
                "warning",
                bar,
                bar,
                seen=f"{_percent(move[bar])}, then {_percent(after[bar])}: "
                f"{abs(move[bar]) / history.scale[bar]:.0f} usual moves there and back",
                expected=f"less than {SPIKE_MOVE:g} usual moves, or a price that stays",
                next_step=_REMEDY,
                maskable=True,
            )


def far_extremes(market: Market) -> Iterator[Finding]:
    """Highs and lows that open and close came nowhere near."""
    outlying = {history.ticker: _outlying(history) for history in market.histories}
    far = {
        history.ticker: (np.abs(outlying[history.ticker]) >= EXTREME_MOVE * history.scale)
        & (np.abs(outlying[history.ticker]) >= EXTREME_RETURN)
        for history in market.histories
    }
    number = np.zeros(len(market.panel.times), dtype=int)
    for history in market.histories:
        number[history.rows] += far[history.ticker]
    for history in market.histories:
        alone = far[history.ticker] & (number[history.rows] < SHARED_TICKERS)
        for bar in np.flatnonzero(alone).tolist():
            size = outlying[history.ticker][bar]
            side = "high" if size > 0 else "low"
            yield history.finding(
                FAR_EXTREME,
                "warning",
                bar,
                bar,
                seen=f"a {side} {np.expm1(size):+.0%} off the bar's beginning and end, "
                f"{abs(size) / history.scale[bar]:.0f} usual moves",
                expected=f"less than {EXTREME_MOVE:g} usual moves",
                next_step=_REMEDY,
                maskable=True,
            )


def _percent(log_return: float) -> str:
    """A move as `+12.3%`; a thousandfold one or more as `x1e+06`, which nobody reads in percent."""
    change = float(np.expm1(log_return))
    return f"{change:+.1%}" if change < 1000 else f"x{np.exp(log_return):.0e}"


def _outlying(history: History) -> Float[np.ndarray, " bar"]:
    """Log distance of high (positive) or low (negative) from the rest of the bar, the farther one.

    The rest is the close and the open; an open beyond the close before counts as that close, so
    that a wild open is as far off as it is.
    """
    open_, high, low, close = (
        np.log(history.column(name)) for name in ("open", "high", "low", "close")
    )
    before = open_ - history.overnight
    above = high - np.fmax(close, np.fmin(open_, before))
    below = low - np.fmin(close, np.fmax(open_, before))
    return np.where(above >= -below, above, below)
