"""The session that orders from the newest bar are for, and whether that bar is still the newest."""

import numpy as np

from forecasting.market.calendars import session_times, sessions
from forecasting.market.panel import day

STALE = "STALE"
"""How the warning begins that the newest bar is not the whole truth of today."""

_DAYS_TO_NEXT_SESSION = 14


def next_session(calendar: str, newest: np.datetime64) -> np.datetime64:
    """Day of the first session after a daily bar.

    Args:
        calendar: Exchange code, as in `market.calendars`.
        newest: Day of the bar.

    Raises:
        DataError: No such calendar, or it does not reach there.
    """
    begin = newest + np.timedelta64(1, "D")
    return sessions(calendar, begin, begin + np.timedelta64(_DAYS_TO_NEXT_SESSION, "D"))[0]


def warnings_of_age(calendar: str, newest: np.datetime64, now: np.datetime64) -> list[str]:
    """Whether sessions have ended that the newest bar does not know of, or its own has not.

    Args:
        calendar: Exchange code.
        newest: Day of the newest bar.
        now: Time on the exchange's clock.

    Raises:
        DataError: No such calendar, or it does not know these days.
    """
    if now < newest:
        return []
    _, closes = session_times(calendar, newest, now)
    today = closes.astype("datetime64[D]") == newest.astype("datetime64[D]")
    if (closes[today] > now).any():
        return [f"{STALE}: the session of {day(newest)} has not closed, its bar may still change."]
    ended = closes[~today & (closes <= now)]
    if not len(ended):
        return []
    some = "1 session has" if len(ended) == 1 else f"{len(ended)} sessions have"
    return [
        f"{STALE}: the newest bar is of {day(newest)}, and {some} ended since, the last on "
        f"{day(ended[-1])}: these orders come too late. Fetch newer prices."
    ]
