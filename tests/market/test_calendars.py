import re

import numpy as np
import pytest

from forecasting.errors import DataError
from forecasting.market.calendars import NEW_YORK, half_days, session_times, sessions


def days(*names: str) -> np.ndarray:
    return np.array(names, dtype="datetime64[ns]")


def span(first: str, last: str) -> tuple[np.datetime64, np.datetime64]:
    return np.datetime64(first), np.datetime64(last)


def test_new_york_closed_after_the_attacks_of_2001() -> None:
    found = sessions(NEW_YORK, *span("2001-09-07", "2001-09-18"))
    np.testing.assert_array_equal(
        found, days("2001-09-07", "2001-09-10", "2001-09-17", "2001-09-18")
    )
    assert found.dtype == np.dtype("datetime64[ns]")


@pytest.mark.parametrize(
    "closed",
    [
        "2012-10-29",  # hurricane Sandy
        "2012-10-30",
        "2007-01-02",  # mourning for president Ford
        "1994-04-27",  # mourning for president Nixon
        "2022-06-20",  # Juneteenth, observed
        "2021-04-02",  # Good Friday
        "2024-12-25",
        "2024-12-28",  # a Saturday
    ],
)
def test_days_without_a_session(closed: str) -> None:
    assert not len(sessions(NEW_YORK, *span(closed, closed)))


@pytest.mark.parametrize(("year", "count"), [(1970, 254), (1987, 253), (1999, 252), (2001, 248)])
def test_old_years_are_known_too(year: int, count: int) -> None:
    assert len(sessions(NEW_YORK, *span(f"{year}-01-01", f"{year}-12-31"))) == count


def test_half_days_of_a_year() -> None:
    np.testing.assert_array_equal(
        half_days(NEW_YORK, *span("2012-01-01", "2012-12-31")),
        days("2012-07-03", "2012-11-23", "2012-12-24"),
    )


@pytest.mark.parametrize(
    ("day", "close"), [("2021-11-26", "13:00"), ("2021-03-12", "16:00"), ("2021-03-15", "16:00")]
)
def test_trading_hours_are_in_the_local_clock(day: str, close: str) -> None:
    opens, closes = session_times(NEW_YORK, *span(day, day))
    np.testing.assert_array_equal(opens, days(f"{day}T09:30"))
    np.testing.assert_array_equal(closes, days(f"{day}T{close}"))


def test_daylight_saving_does_not_move_the_local_clock() -> None:
    opens, closes = session_times(NEW_YORK, *span("2021-01-01", "2021-12-31"))
    of_day = (opens - opens.astype("datetime64[D]")) / np.timedelta64(1, "m")
    assert set(of_day) == {9.5 * 60}
    of_day = (closes - closes.astype("datetime64[D]")) / np.timedelta64(1, "m")
    assert set(of_day) == {13 * 60.0, 16 * 60.0}


def test_other_exchanges_and_aliases() -> None:
    week = span("2021-10-01", "2021-10-08")
    assert len(sessions("XSHG", *week)) == 1  # national holiday
    assert len(sessions("XLON", *week)) == 6
    np.testing.assert_array_equal(sessions("NASDAQ", *week), sessions(NEW_YORK, *week))


def test_the_clock_time_of_an_end_is_ignored() -> None:
    found = sessions(NEW_YORK, *span("2021-03-12T15:00", "2021-03-15T09:00"))
    np.testing.assert_array_equal(found, days("2021-03-12", "2021-03-15"))


@pytest.mark.parametrize(
    ("calendar", "first", "message"),
    [
        ("NYES", "2020-01-01", "no exchange calendar 'NYES': did you mean 'XNYS'?"),
        ("xlon", "2020-01-01", "did you mean 'XLON'?"),
        ("??", "2020-01-01", "expected a code such as XNYS or XLON"),
        ("XNYS", "1929-10-24", "is known from 1970-01-01 to"),
        ("XSHG", "1990-12-19", "is known from 1991-01-01 to"),
    ],
)
def test_what_is_not_known_is_one_line(calendar: str, first: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        sessions(calendar, *span(first, "2020-01-10"))


def test_a_calendar_that_the_package_cannot_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    import exchange_calendars

    def fail(*_: object, **__: object) -> None:
        raise NotImplementedError("Easter")

    monkeypatch.setattr(exchange_calendars, "get_calendar", fail)
    with pytest.raises(DataError, match=r"calendar XWAR cannot be computed by .*: Easter"):
        sessions("XWAR", *span("2020-01-01", "2020-01-10"))
