"""Days: those a ticker lacks, those on which its exchange was closed, and halts."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from forecasting.market import calendars
from forecasting.market.checks.finding import EVERY_TICKER, Finding
from forecasting.market.checks.history import History, Market
from forecasting.market.panel import Panel

MISSING_SESSION = "missing-session"
HALT = "halt"
CLOSED_DAY = "closed-day"
CALENDAR = "calendar"

HALT_SESSIONS = 5
"""Missing sessions in a row that are rather a halt than a lost bar."""
MISFIT = 0.01
"""Share of the panel's days on which the exchange was closed, above which its calendar is not the
panel's: a source invents a bar now and then, not one a quarter."""
CONSENSUS_TICKERS = 3
"""Listed tickers that are needed for a day that most of them have to be a session."""


def missing_sessions(market: Market) -> Iterator[Finding]:
    """Sessions between a ticker's first and last bar on which it has none."""
    if (expected := expected_days(market)) is None:
        return
    for history in market.daily.histories:
        days = history.times.astype("datetime64[D]")
        listed = expected[(expected > days[0]) & (expected < days[-1])]
        missing = np.flatnonzero(~np.isin(listed, days))
        for stretch in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
            if len(stretch):
                yield _missing(history, listed[stretch])


def closed_days(market: Market) -> Iterator[Finding]:
    """Bars on days on which the calendar's exchange was closed, where the calendar fits."""
    if not calendar_fits(market):
        return
    open_days = _sessions_of(market)
    for history in market.histories:
        days = history.times.astype("datetime64[D]")
        for day in np.setdiff1d(days, open_days):
            bars = np.flatnonzero(days == day)
            first, last = int(bars[0]), int(bars[-1])
            yield history.finding(
                CLOSED_DAY,
                "warning",
                first,
                last,
                seen="a bar" if first == last else f"{len(bars)} bars",
                expected=f"none: {market.calendar} was closed",
                next_step="Leave it out with --quarantine, or name another --calendar.",
                maskable=True,
            )


def calendar_misfit(market: Market) -> Iterator[Finding]:
    """One finding where the calendar is not the panel's."""
    if market.calendar is None or not _is_by_day(market.panel) or calendar_fits(market):
        return
    days = _days(market.panel)
    closed = days[~np.isin(days, _sessions_of(market))]
    times = closed[[0, -1]].astype("datetime64[ns]")
    yield Finding(
        CALENDAR,
        "note",
        EVERY_TICKER,
        times[0],
        times[1],
        len(closed),
        f"{len(closed)} of {len(days)} days with bars are none of {market.calendar}'s sessions",
        "the sessions of the exchange that the tickers trade on",
        f"Not {market.calendar}'s days: name the exchange with --calendar; until then, days that "
        "most tickers have are sessions.",
    )


def calendar_fits(market: Market) -> bool:
    """Whether the panel's days are, but for a stray one, sessions of the market's calendar."""
    if market.calendar is None or not _is_by_day(market.panel):
        return False
    days = _days(market.panel)
    return float(np.mean(~np.isin(days, _sessions_of(market)))) <= MISFIT


def expected_days(market: Market) -> np.ndarray | None:
    """Session days; those that most listed tickers have where no calendar fits.

    None for bars longer than a day, and where the tickers are too few to outvote one.
    """
    if not _is_by_day(market.panel):
        return None
    if calendar_fits(market):
        return _sessions_of(market)
    panel = market.daily.panel
    rows = np.arange(len(panel.times))[:, None]
    first = np.argmax(panel.mask, axis=0)
    last = len(panel.times) - 1 - np.argmax(panel.mask[::-1], axis=0)
    listed = ((rows >= first) & (rows <= last)).sum(axis=1)
    most = (2 * panel.mask.sum(axis=1) > listed) & (listed >= CONSENSUS_TICKERS)
    return panel.times[most].astype("datetime64[D]") if most.any() else None


def _missing(history: History, days: np.ndarray) -> Finding:
    halt = len(days) >= HALT_SESSIONS
    times = days[[0, -1]].astype("datetime64[ns]")
    return Finding(
        HALT if halt else MISSING_SESSION,
        "warning",
        history.ticker,
        times[0],
        times[1],
        len(days),
        f"no bar on {len(days)} session{'s' if len(days) > 1 else ''}",
        "a bar on every session between the first and the last",
        "If it was halted, nothing; else fetch again, or name another --calendar.",
    )


def _sessions_of(market: Market) -> np.ndarray:
    assert market.calendar is not None
    days = _days(market.panel)
    return _session_days(market.calendar, days[0], days[-1])


@lru_cache(maxsize=8)
def _session_days(calendar: str, first: np.datetime64, last: np.datetime64) -> np.ndarray:
    return calendars.sessions(calendar, first, last).astype("datetime64[D]")


def _days(panel: Panel) -> np.ndarray:
    return np.unique(panel.times.astype("datetime64[D]"))


def _is_by_day(panel: Panel) -> bool:
    """Whether bars are a day long or shorter."""
    return not panel.interval.endswith(("wk", "mo"))
