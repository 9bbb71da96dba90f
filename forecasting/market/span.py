"""The part of a panel that a user asks for: tickers and dates, checked once for all sources."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecasting.errors import DataError
from forecasting.market.panel import Panel, day

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?")


def check_span(start: str | None, end: str | None) -> None:
    """Refuse dates that are none, and a span that ends before it starts.

    Args:
        start: `YYYY-MM-DD`, optionally with ` HH:MM`, or None for the first bar.
        end: Likewise, or None for the last bar.

    Raises:
        DataError: Says which date and what was expected.
    """
    first, last = _stamp("start", start), _stamp("end", end)
    if first is not None and last is not None and first > last:
        raise DataError(f"start {start} lies after end {end}: expected start <= end. Swap them.")


def cut(panel: Panel, tickers: Sequence[str] | None, start: str | None, end: str | None) -> Panel:
    """Some tickers of a panel, from `start` to the end of the day `end`, both included.

    Args:
        panel: Prices.
        tickers: Names out of the panel; None for all that trade in the span.
        start: As in `check_span`.
        end: As in `check_span`.

    Raises:
        DataError: A ticker is not there, a date is none, or nothing trades in the span.
    """
    check_span(start, end)
    if tickers is not None:
        panel = panel.select(tickers)
    if start is None and end is None:
        return panel
    part = panel.between(start, end)
    trades = part.mask.any(axis=0)
    if trades.all():
        return part
    if tickers is not None:
        k = int(trades.argmin())
        bars = panel.times[panel.mask[:, k]]
        raise DataError(
            f"{panel.tickers[k]} has no bar from {start or 'the first'} to {end or 'the last'}: "
            f"{panel.source} has it from {day(bars[0])} to {day(bars[-1])}. Choose other dates, or "
            "drop the ticker."
        )
    return part.select([part.tickers[k] for k in np.flatnonzero(trades)])


def _stamp(name: str, date: str | None) -> pd.Timestamp | None:
    if date is None:
        return None
    if _DATE.fullmatch(date):
        try:
            return pd.Timestamp(date)
        except ValueError:
            pass
    raise DataError(f"{name} {date[:40]!r} is no date: expected YYYY-MM-DD, such as 2015-01-31.")
