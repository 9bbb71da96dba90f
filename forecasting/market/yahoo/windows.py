"""Which days of intraday bars Yahoo has, and the requests that cover them.

Yahoo keeps minute bars for 30 days and gives seven of them an answer; 5 and 15 minute bars reach
60 days back, hourly ones 730. A request beyond that fails as a whole.
"""

from dataclasses import dataclass

import pandas as pd

from forecasting.errors import DataError


@dataclass(frozen=True)
class Limit:
    """What Yahoo gives of one bar length.

    Attributes:
        days_back: Days before now from which bars can be had.
        days_a_request: Most days in one answer.
    """

    days_back: int
    days_a_request: int


LIMITS = {
    "1m": Limit(days_back=30, days_a_request=7),
    "5m": Limit(days_back=60, days_a_request=60),
    "15m": Limit(days_back=60, days_a_request=60),
    "1h": Limit(days_back=730, days_a_request=730),
}
INTERVALS = ("1d", *LIMITS)

# The clocks east of Greenwich are up to 14 hours ahead: a day there begins that much earlier.
_EASTERNMOST = pd.Timedelta(hours=14)
# From the reckoning to the arrival of the request.
_MARGIN = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Windows:
    """The requests for one symbol's bars.

    Attributes:
        spans: First day and the day after the last, `YYYY-MM-DD` in the exchange's zone, ascending
            and without gap; None for the start of all that there is, and for now.
        note: What of the wanted days Yahoo does not have; empty where it has them all.
    """

    spans: tuple[tuple[str | None, str | None], ...]
    note: str = ""


def check_interval(interval: str) -> None:
    """Refuse a bar length that Yahoo cannot give.

    Raises:
        DataError: Says which and what was expected.
    """
    if interval not in INTERVALS:
        raise DataError(f"no interval {interval[:20]!r}: expected one of {', '.join(INTERVALS)}.")


def first_day(interval: str, now: pd.Timestamp) -> str:
    """The first whole day whose bars Yahoo has, `YYYY-MM-DD`, in whichever zone.

    Args:
        interval: Out of `LIMITS`.
        now: The present, in UTC.
    """
    reach = now - pd.Timedelta(days=LIMITS[interval].days_back) + _EASTERNMOST + _MARGIN
    return str(reach.ceil("D").date())


def windows(interval: str, start: str | None, end: str | None, now: pd.Timestamp) -> Windows:
    """Split the wanted days into requests that Yahoo answers.

    Args:
        interval: Out of `INTERVALS`.
        start: First day, or None for all that there is.
        end: Last day, included, or None for now.
        now: The present, in UTC.

    Raises:
        DataError: All wanted days lie before what Yahoo has.
    """
    after = None if end is None else _shift(end, 1)
    if interval not in LIMITS:
        return Windows(((None if start is None else start[:10], after),))
    limit, first = LIMITS[interval], first_day(interval, now)
    words = f"Yahoo has {interval} bars of the last {limit.days_back} days only, from {first} on"
    if end is not None and end[:10] < first:
        raise DataError(f"{words}: nothing to {end}. Choose later dates or a longer interval.")
    note = f"{words}, not from {start}." if start is not None and start[:10] < first else ""
    first = max(first, (start or first)[:10])
    spans: list[tuple[str | None, str | None]] = []
    last = min(after or "9999", _shift(str(now.date()), 1))
    while _shift(first, limit.days_a_request) < last:
        spans.append((first, _shift(first, limit.days_a_request)))
        first = _shift(first, limit.days_a_request)
    return Windows((*spans, (first, after)), note)


def _shift(day: str, days: int) -> str:
    return str((pd.Timestamp(day[:10]) + pd.Timedelta(days=days)).date())
