"""What a check says: which bars of which ticker, what was seen, what was expected, what to do."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Severity = Literal["error", "warning", "note"]
"""An error cannot be right; a warning has to be looked at before training; a note is worth knowing.
"""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

EVERY_TICKER = "*"
"""The ticker of a finding about the panel as a whole."""


@dataclass(frozen=True)
class Finding:
    """One suspicion about prices. Nothing was changed.

    Attributes:
        check: Name of the check, a key of `forecasting.market.checks.inspection.CHECKS`.
        severity: See `Severity`.
        ticker: Whose bars they are, or `EVERY_TICKER`.
        first: Time of the first bar or session meant.
        last: Time of the last one.
        bars: How many bars or sessions are meant between the two.
        seen: What is there.
        expected: What was expected in its place.
        next_step: What to do about it, in one line.
        maskable: Whether leaving these bars out is a remedy. It is for a stale or a wild bar; a
            split that nobody recorded is still there when its bar is masked.
    """

    check: str
    severity: Severity
    ticker: str
    first: np.datetime64
    last: np.datetime64
    bars: int
    seen: str
    expected: str
    next_step: str
    maskable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The finding as a plain mapping, for JSON."""
        return asdict(self)
