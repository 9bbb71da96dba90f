"""One thing that befell a simulated ticker beside its returns."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

EventKind = Literal["split", "dividend", "spin_off", "halt", "listing", "delisting"]


@dataclass(frozen=True)
class Event:
    """A corporate action, a halt, a late listing or a delisting.

    Attributes:
        kind: What happened. A spin-off is a distribution in kind: like a dividend, but large.
        ticker: To whom.
        bar: Day index in the market's calendar: the ex-date, the first halted day, the first day
            or the last day.
        day: The same as a date.
        size: New shares for one old share (split), share of the last close before (dividend,
            spin-off), days without bars (halt), simple return that the last day has on top of the
            market's (delisting), 0 (listing).
    """

    kind: EventKind
    ticker: str
    bar: int
    day: np.datetime64
    size: float
