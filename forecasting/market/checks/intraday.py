"""Intraday bars that a session lacks, bars after its end, and what their stamps mean."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from forecasting.market.calendars import session_times
from forecasting.market.checks.finding import Finding
from forecasting.market.checks.history import History, Market
from forecasting.market.checks.sessions import calendar_fits

MISSING_BARS = "missing-bars"
AFTER_CLOSE = "after-close"
BAR_STAMPS = "bar-stamps"

USUAL_SHARE = 0.5
"""Share of a ticker's sessions that have a bar at some time of day, above which it is usual."""


def missing_bars(market: Market) -> Iterator[Finding]:
    """Times of day that a ticker usually has a bar at, and lacks in one session.

    After the close of a half day none is expected. Needs a calendar that fits.
    """
    for history in _intraday_histories(market):
        table = _timetable(history, market)
        usual = table.present.mean(axis=0) > USUAL_SHARE
        lacking = usual & ~table.outside & ~table.present
        # The first and the last session of a history may be cut.
        lacking[[0, -1]] = False
        for session in np.flatnonzero(lacking.any(axis=1)).tolist():
            times = table.days[session] + table.clock[lacking[session]]
            yield _finding(
                history,
                MISSING_BARS,
                times,
                seen=f"{len(times)} bar{'s' if len(times) > 1 else ''} of the session missing",
                expected=f"{usual.sum()} bars in a full session",
                next_step="Nothing where the market is thin; else fetch the day again.",
            )


def bars_after_close(market: Market) -> Iterator[Finding]:
    """Bars that begin after the session's close, of tickers that do not usually have such bars."""
    for history in _intraday_histories(market):
        table = _timetable(history, market)
        late = table.outside & table.present
        if late.any(axis=1).mean() > USUAL_SHARE:
            continue
        for session in np.flatnonzero(late.any(axis=1)).tolist():
            times = table.days[session] + table.clock[late[session]]
            yield _finding(
                history,
                AFTER_CLOSE,
                times,
                seen=f"{len(times)} bar{'s' if len(times) > 1 else ''} after the close",
                expected="the last bar before it; it was a half day",
                next_step="Their prices are off the exchange: leave them out with --quarantine.",
                maskable=True,
            )


def start_stamps(market: Market) -> Iterator[Finding]:
    """Bars that bear their start: one at or before the opening, none at the close.

    Panels take stamps as ends; such a bar would be used one bar before it is over.
    """
    for history in _intraday_histories(market):
        table = _timetable(history, market)
        early = (table.present & table.before_open).any(axis=1)
        if early.mean() > USUAL_SHARE and not table.stamped_at_end:
            yield history.finding(
                BAR_STAMPS,
                "warning",
                0,
                len(history.times) - 1,
                seen=f"{early.mean():.0%} of the sessions have a bar stamped at or before the "
                "opening, few have one at the close",
                expected="bars stamped with their end, when they are known",
                next_step="Load the files with FILE:stamps=start; else bars are used before they "
                "are over.",
            )


@dataclass(frozen=True, eq=False)
class _Timetable:
    """A ticker's sessions by its times of day.

    Attributes:
        days: Sessions on which it has bars.
        clock: Times of day at which it ever has a bar.
        present: Where it has one.
        before_open: Where the stamp is the opening or earlier.
        outside: Where the exchange has closed.
        stamped_at_end: Whether most sessions have a bar stamped with the close: stamps are ends.
    """

    days: np.ndarray
    clock: np.ndarray
    present: Bool[np.ndarray, "session slot"]
    before_open: Bool[np.ndarray, "session slot"]
    outside: Bool[np.ndarray, "session slot"]
    stamped_at_end: bool


def _intraday_histories(market: Market) -> tuple[History, ...]:
    """The tickers' bars, none of them where no calendar says when a session ends."""
    return () if market.daily is market or not calendar_fits(market) else market.histories


def _timetable(history: History, market: Market) -> _Timetable:
    assert market.calendar is not None
    all_days = history.times.astype("datetime64[D]")
    days, session = np.unique(all_days, return_inverse=True)
    clock, slot = np.unique(history.times - all_days, return_inverse=True)
    present = np.zeros((len(days), len(clock)), dtype=bool)
    present[session, slot] = True
    opens, closes = session_times(market.calendar, history.times[0], history.times[-1])
    sessions = closes.astype("datetime64[D]")
    on, kept = np.isin(days, sessions), np.isin(sessions, days)
    days, present = days[on], present[on]
    opening, close = opens[kept][:, None], closes[kept][:, None]
    stamps = days[:, None] + clock
    at_end = bool(((stamps == close) & present).any(axis=1).mean() > USUAL_SHARE)
    outside = stamps > close if at_end else stamps >= close
    return _Timetable(days, clock, present, stamps <= opening, outside, at_end)


def _finding(
    history: History,
    check: str,
    times: np.ndarray,
    *,
    seen: str,
    expected: str,
    next_step: str,
    maskable: bool = False,
) -> Finding:
    edges = times[[0, -1]].astype("datetime64[ns]")
    return Finding(
        check,
        "note",
        history.ticker,
        edges[0],
        edges[1],
        len(times),
        seen,
        expected,
        next_step,
        maskable,
    )
