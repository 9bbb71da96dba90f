"""Days and bars that a session lacks, or has too many."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from market.checks.planting import found, where

from forecasting.errors import DataError
from forecasting.market.calendars import session_times, sessions
from forecasting.market.checks.finding import Finding
from forecasting.market.checks.inspection import inspect
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate

INTRADAY = ("missing-bars", "after-close", "bar-stamps")
FIRST, LAST = np.datetime64("2018-01-02"), np.datetime64("2019-12-31")


def of(findings: tuple[Finding, ...], *checks: str) -> list[Finding]:
    return [each for each in findings if each.check in checks]


def on_sessions(n_tickers: int = 4) -> Panel:
    """A simulated market on the sessions of New York."""
    days = sessions("XNYS", FIRST, LAST)
    return replace(simulate("random-walk", n_tickers, len(days), 1), times=days)


def hourly(stamps: str = "end") -> Panel:
    """Two tickers with bars of an hour from 9:30 on; the last one of a session is shorter."""
    hour = np.timedelta64(60, "m")
    starts, ends = [], []
    for opening, closing in zip(*session_times("XNYS", FIRST, LAST), strict=True):
        starts.append(np.arange(opening, closing, hour))
        ends.append(np.minimum(starts[-1] + hour, closing))
    times = np.concatenate(ends if stamps == "end" else starts).astype("datetime64[ns]")
    return replace(simulate("random-walk", 2, len(times), 1), times=times, interval="1h")


def without(panel: Panel, ticker: str, rows: object) -> Panel:
    values = panel.values.copy()
    values[rows, panel.tickers.index(ticker)] = np.nan
    return replace(panel, values=values)


def row(panel: Panel, time: str) -> int:
    return int(np.searchsorted(panel.times, np.datetime64(time)))


@pytest.mark.parametrize("calendar", ["XNYS", None])
def test_missing_session_and_halt(calendar: str | None) -> None:
    panel = on_sessions()
    assert not inspect(panel, calendar=calendar)
    at = row(panel, "2018-06-14")
    lost = without(without(panel, "SIM02", at), "SIM03", slice(at + 5, at + 11))
    (finding,) = found(lost, "missing-session", calendar)
    assert where([finding]) == [("SIM02", "2018-06-14")]
    (halt,) = found(lost, "halt", calendar)
    assert where([halt]) == [("SIM03", "2018-06-21")]
    assert (halt.bars, str(halt.last)[:10]) == (6, "2018-06-28")


def test_session_that_all_tickers_lack_needs_the_calendar() -> None:
    panel = on_sessions()
    kept = np.arange(len(panel.times)) != row(panel, "2019-03-05")
    short = replace(panel, times=panel.times[kept], values=panel.values[kept])
    assert {each.ticker for each in found(short, "missing-session", "XNYS")} == set(panel.tickers)
    assert not found(short, "missing-session", None)


def test_late_listing_and_delisting_are_no_gap() -> None:
    panel = on_sessions()
    ragged = without(without(panel, "SIM01", slice(0, 100)), "SIM02", slice(400, None))
    assert not of(inspect(ragged), "missing-session", "halt")


def test_bar_on_a_holiday() -> None:
    panel = on_sessions()
    times = panel.times.copy()
    times[row(panel, "2018-07-05")] = np.datetime64("2018-07-04")
    findings = found(replace(panel, times=times), "closed-day", "XNYS")
    assert where(findings) == [(ticker, "2018-07-04") for ticker in panel.tickers]
    assert all(each.maskable for each in findings)


def test_intraday_bars_on_a_holiday_are_one_finding() -> None:
    panel = hourly()
    times = panel.times.copy()
    holiday = slice(row(panel, "2018-07-05"), row(panel, "2018-07-05T23:00"))
    times[holiday] -= np.timedelta64(1, "D")
    (finding,) = found(replace(panel, times=times).select(["SIM02"]), "closed-day", "XNYS")
    assert (finding.bars, str(finding.first)[:16]) == (7, "2018-07-04T10:30")
    assert str(finding.last)[:16] == "2018-07-04T16:00"


def test_calendar_of_another_market_is_said_and_not_used() -> None:
    panel = replace(on_sessions(), times=pd.bdate_range("2018-01-02", periods=503).to_numpy())
    (finding,) = inspect(panel)
    assert (finding.check, finding.severity, finding.ticker) == ("calendar", "note", "*")
    assert "none of XNYS's sessions" in finding.seen


def test_unknown_calendar() -> None:
    with pytest.raises(DataError, match="did you mean 'XNYS'"):
        inspect(on_sessions(), calendar="xnys")


def test_weekly_bars_have_no_sessions() -> None:
    panel = simulate("random-walk", 3, 100, 0)
    weekly = replace(
        panel, times=pd.date_range("2018-01-05", periods=100, freq="7D").to_numpy(), interval="1wk"
    )
    assert not inspect(weekly)


def test_missing_bars_of_a_session() -> None:
    panel = hourly()
    assert not of(inspect(panel), *INTRADAY)
    at = row(panel, "2019-03-05T11:30")
    (finding,) = found(without(panel, "SIM02", slice(at, at + 2)), "missing-bars", "XNYS")
    assert (finding.ticker, finding.bars) == ("SIM02", 2)
    assert str(finding.first)[:16] == "2019-03-05T11:30"
    assert str(finding.last)[:16] == "2019-03-05T12:30"


def test_bars_after_a_half_day() -> None:
    panel = hourly()
    times = panel.times.copy()
    # The session before 4 July 2018 closed at 13:00.
    last = row(panel, "2018-07-03T13:00")
    times[last] = np.datetime64("2018-07-03T14:30")
    findings = found(replace(panel, times=times), "after-close", "XNYS")
    assert [str(each.first)[:16] for each in findings] == ["2018-07-03T14:30"] * 2


def test_stamps_at_the_start_of_bars() -> None:
    findings = of(inspect(hourly("start")), *INTRADAY)
    assert [(each.check, each.ticker) for each in findings] == [
        ("bar-stamps", "SIM01"),
        ("bar-stamps", "SIM02"),
    ]
    assert "stamps=start" in findings[0].next_step
