"""When an exchange trades: sessions, half days and trading hours, past and announced.

All times are the exchange's local clock without a zone, as `Panel.times` are; a session is named by
its day at midnight. Spans are days, both ends included, and a clock time in them is ignored. The
calendars are those of the `exchange_calendars` package, from 1970 (before, it has New York trade on
Christmas days) or from where the package knows the exchange, up to a year from today.
"""

import difflib
import functools
import warnings
from typing import Any

import numpy as np
import pandas as pd

from forecasting.errors import DataError

NEW_YORK = "XNYS"
"""The calendar of the New York Stock Exchange, which Nasdaq keeps too."""

_FIRST_YEAR = 1970


def first_day(calendar: str) -> np.datetime64:
    """The first day that a calendar can be asked for; see `sessions`."""
    return np.datetime64(f"{_calendar(calendar).first_session.year}-01-01", "ns")


def sessions(calendar: str, first: np.datetime64, last: np.datetime64) -> np.ndarray:
    """Days on which an exchange trades.

    Args:
        calendar: Exchange code (ISO 10383) such as `XNYS`, or an alias such as `NASDAQ`.
        first: First day.
        last: Last day, included.

    Returns:
        `datetime64[ns]` days at midnight, ascending; empty where none of the days is a session.

    Raises:
        DataError: No such calendar, or the span lies outside of what it knows.
    """
    return _schedule(calendar, first, last).index.to_numpy().astype("datetime64[ns]")


def half_days(calendar: str, first: np.datetime64, last: np.datetime64) -> np.ndarray:
    """Sessions that close earlier than the regular ones; see `sessions`."""
    known = _calendar(calendar)
    days = sessions(calendar, first, last)
    return days[np.isin(days, known.early_closes.to_numpy().astype("datetime64[ns]"))]


def session_times(
    calendar: str, first: np.datetime64, last: np.datetime64
) -> tuple[np.ndarray, np.ndarray]:
    """Opening and closing time of each session; see `sessions`.

    Returns:
        Two arrays as long as `sessions`, `datetime64[ns]` in the exchange's local clock.
    """
    schedule = _schedule(calendar, first, last)
    zone = _calendar(calendar).tz
    opens, closes = (
        schedule[edge].dt.tz_convert(zone).dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        for edge in ("open", "close")
    )
    return opens, closes


def local_time(calendar: str) -> np.datetime64:
    """What the clock of an exchange shows now, `datetime64[ns]` without a zone.

    Raises:
        DataError: No such calendar.
    """
    return pd.Timestamp.now(_calendar(calendar).tz).tz_localize(None).to_datetime64()


def _schedule(calendar: str, first: np.datetime64, last: np.datetime64) -> pd.DataFrame:
    known = _calendar(calendar)
    start, end = pd.Timestamp(first).normalize(), pd.Timestamp(last).normalize()
    if start.year < known.first_session.year or end > known.last_session:
        raise DataError(
            f"calendar {calendar} is asked for {start.date()} to {end.date()}: it is known from "
            f"{known.first_session.year}-01-01 to {known.last_session.date()}. Choose days inside."
        )
    return known.schedule.loc[start:end]


@functools.lru_cache
def _calendar(code: str) -> Any:
    """The whole calendar of a code; the package's own default begins 20 years ago."""
    import exchange_calendars

    names = exchange_calendars.get_calendar_names(include_aliases=True)
    if code not in names:
        near = difflib.get_close_matches(code.upper(), names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "expected a code such as XNYS or XLON."
        raise DataError(f"no exchange calendar {code[:40]!r}: {hint}")
    try:
        with warnings.catch_warnings():
            # The package's own use of pandas; nothing that a user could change.
            warnings.simplefilter("ignore", DeprecationWarning)
            bound = exchange_calendars.get_calendar(code).bound_min()
            whole_year = 0 if bound is None else bound.year + (bound.day_of_year > 1)
            start = pd.Timestamp(max(_FIRST_YEAR, whole_year), 1, 1)
            return exchange_calendars.get_calendar(code, start=start)
    except (NotImplementedError, ValueError) as error:
        raise DataError(
            f"calendar {code} cannot be computed by exchange_calendars "
            f"{exchange_calendars.__version__}: {str(error)[:80]}. Choose another calendar."
        ) from error
