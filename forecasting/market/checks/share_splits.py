"""Jumps of the size of a split that the adjusted close does not know of.

A split moves the price overnight by a ratio of small whole numbers and leaves the money traded as
it was; bad news moves it by any ratio, and multiplies the money traded. Only both together tell
them apart: AAPL fell to 0.48 of its price on 2000-09-29 by news, and to 0.50 on 2000-06-21 by a
split.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.market.checks.finding import Finding, Severity
from forecasting.market.checks.history import History, Market

UNRECORDED_SPLIT = "unrecorded-split"

WHOLE_RATIOS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0)
PART_RATIOS = (5 / 4, 4 / 3, 3 / 2, 5 / 3, 5 / 2)
"""Ratios, and their inverses, by which shares are split. Prices often move by 25 % without one."""

LEAST_MOVE = 8.0
"""Usual daily moves that a jump must have; smaller ones are within what markets do."""
LEAST_JUMP = float(np.log(1.2))
"""Decimal log return; the smallest ratio is 5:4."""
LEFT_AT_CLOSE = 0.5
"""Share of the overnight jump that the close must keep; else the open was wrong, or news faded."""
WHOLE_TOLERANCE = 3.0
PART_TOLERANCE = 1.0
"""Usual daily moves, or `LEAST_TOLERANCE` if that is more, by which a jump may miss the ratio: the
ordinary overnight return is still in it. Ratios near 1 lie close to ordinary moves."""
LEAST_TOLERANCE = 0.03
WHOLE_TURNOVER = 4.0
PART_TURNOVER = 1.5
"""Money traded on the day over its median of 21 days before, above which there was news."""
IMPOSSIBLE_RISE = 5.0
"""No listed share opens at so many times its last close, whatever was traded."""

_CLOSE_PART_TOLERANCE = 0.5  # usual moves, without an open and a volume to look at
_TURNOVER_DAYS = 21

_RATIOS = np.array([*WHOLE_RATIOS, *PART_RATIOS])
_JUMPS = np.log(np.r_[_RATIOS, 1 / _RATIOS])
_IS_WHOLE = np.tile(np.arange(len(_RATIOS)) < len(WHOLE_RATIOS), 2)


def unrecorded_splits(market: Market) -> Iterator[Finding]:
    """Overnight jumps by a split's ratio; from close to close where there are no opens."""
    daily = market.daily
    for history in daily.histories:
        jump = np.where(np.isnan(history.overnight), history.log_return, history.overnight)
        own = np.abs(jump - daily.median_return[history.rows]) / history.scale
        turnover = _turnover_surprise(history)
        stays = history.log_return * np.sign(jump) >= LEFT_AT_CLOSE * np.abs(jump)
        for bar in np.flatnonzero(
            (own >= LEAST_MOVE) & (np.abs(jump) >= LEAST_JUMP) & stays
        ).tolist():
            nearest = int(np.argmin(np.abs(_JUMPS - jump[bar])))
            miss = abs(float(_JUMPS[nearest] - jump[bar]))
            severity = _judge(history, bar, nearest, miss, float(turnover[bar]))
            if severity is not None:
                yield _finding(history, bar, float(jump[bar]), nearest, severity, turnover[bar])


def _judge(
    history: History, bar: int, nearest: int, miss: float, turnover: float
) -> Severity | None:
    """How likely a jump is a split; None if it is news."""
    whole, scale = bool(_IS_WHOLE[nearest]), float(history.scale[bar])
    tolerance = max(LEAST_TOLERANCE, (WHOLE_TOLERANCE if whole else PART_TOLERANCE) * scale)
    if miss > tolerance:
        return None
    if _JUMPS[nearest] >= np.log(IMPOSSIBLE_RISE):
        return "error"
    if np.isnan(turnover):
        if whole:
            return "warning"
        return "note" if miss <= _CLOSE_PART_TOLERANCE * scale else None
    if turnover > (WHOLE_TURNOVER if whole else PART_TURNOVER):
        return None
    return "error" if whole else "warning"


def _turnover_surprise(history: History) -> Float[np.ndarray, " bar"]:
    """Money traded over its median of the days before; NaN where no volume is known."""
    turnover = pd.Series(history.column("volume") * history.column("close"))
    usual = turnover.rolling(_TURNOVER_DAYS, min_periods=5).median().shift(1)
    return (turnover / usual.where(usual > 0)).to_numpy()


def _finding(
    history: History, bar: int, jump: float, nearest: int, severity: Severity, turnover: float
) -> Finding:
    ratio = Fraction(float(np.exp(-_JUMPS[nearest]))).limit_denominator(100)
    traded = "" if np.isnan(turnover) else f" on {turnover:.1f} times the usual money traded"
    return history.finding(
        UNRECORDED_SPLIT,
        severity,
        bar,
        bar,
        seen=f"the adjusted price times {np.exp(jump):.3g}{traded}, as by a split "
        f"{ratio.numerator}:{ratio.denominator}",
        expected="an adjusted close in which no split shows",
        next_step="Adjust the prices before it, fetch the ticker again, or start after it.",
    )
