import numpy as np
import pandas as pd
import pytest
from market.yahoo_charts import ZONE

from forecasting.errors import DataError
from forecasting.market.yahoo.bars import clean

NAMES = ["Open", "High", "Low", "Close", "Adj Close"]


def make_frame(starts: pd.DatetimeIndex) -> pd.DataFrame:
    frame = pd.DataFrame({name: np.linspace(10, 11, len(starts)) for name in NAMES}, index=starts)
    return frame.assign(**{"Volume": 100, "Dividends": 0.0, "Stock Splits": 0.0})


def daily(n_bars: int, last: pd.Timestamp) -> pd.DataFrame:
    return make_frame(pd.bdate_range(end=last, periods=n_bars, tz=ZONE))


@pytest.mark.parametrize(
    ("now", "session_end", "unfinished"),
    [
        ("2024-03-08 11:00", "2024-03-08 16:00", True),
        ("2024-03-08 16:20", "2024-03-08 16:00", True),
        ("2024-03-08 16:31", "2024-03-08 16:00", False),
        ("2024-03-08 23:00", None, True),
        ("2024-03-09 11:00", "2024-03-08 16:00", False),
        ("2024-03-09 11:00", None, False),
    ],
)
def test_todays_bar_waits_for_the_close(
    now: str, session_end: str | None, unfinished: bool
) -> None:
    frame = daily(5, pd.Timestamp("2024-03-08"))
    end = None if session_end is None else pd.Timestamp(session_end, tz=ZONE)
    ends = {} if end is None else {end.tz_localize(None).normalize(): end}
    present = pd.Timestamp(now, tz=ZONE).tz_convert("UTC")
    bars = clean("AAPL", frame, interval="1d", session_ends=ends, now=present)
    assert bars.unfinished == unfinished
    assert len(bars.frame) == (4 if unfinished else 5)


def test_zero_opens_are_blanks() -> None:
    frame = daily(5, pd.Timestamp("1970-03-06"))
    frame.loc[frame.index[:2], "Open"] = 0.0
    now = pd.Timestamp.now("UTC")
    bars = clean("AAPL", frame, interval="1d", session_ends={}, now=now)
    assert np.isnan(bars.frame["open"].iloc[:2]).all()
    assert len(bars.frame) == 5


def half_day() -> tuple[pd.DataFrame, dict[pd.Timestamp, pd.Timestamp]]:
    """Hourly bars of a session from 9:30 to 13:00."""
    starts = pd.date_range("2024-07-03 09:30", periods=4, freq="1h", tz=ZONE)
    return make_frame(starts), {
        pd.Timestamp("2024-07-03"): pd.Timestamp("2024-07-03 13:00", tz=ZONE)
    }


def test_intraday_bars_are_stamped_with_their_end() -> None:
    frame, ends = half_day()
    now = pd.Timestamp("2024-07-04", tz=ZONE)
    bars = clean("AAPL", frame, interval="1h", session_ends=ends, now=now)
    assert [f"{end:%H:%M}" for end in bars.frame.index] == ["10:30", "11:30", "12:30", "13:00"]
    assert bars.frame.index.tz is None


@pytest.mark.parametrize(
    ("now", "finished"), [("10:59", 0), ("11:00", 1), ("13:29", 3), ("13:30", 4)]
)
def test_intraday_bars_wait_half_an_hour(now: str, finished: int) -> None:
    frame, ends = half_day()
    present = pd.Timestamp(f"2024-07-03 {now}", tz=ZONE)
    bars = clean("AAPL", frame, interval="1h", session_ends=ends, now=present)
    assert (len(bars.frame), bars.unfinished) == (finished, 4 - finished)


@pytest.mark.parametrize("now", pd.date_range("2024-07-03 10:00", periods=6, freq="41min", tz=ZONE))
def test_bars_that_are_not_over_change_nothing(now: pd.Timestamp) -> None:
    frame, ends = half_day()
    now = pd.Timestamp(now)
    tampered = frame[frame.index <= now].copy()
    open_still = tampered.index + pd.Timedelta(hours=1) > now
    tampered.loc[open_still, NAMES] *= 1000
    whole, early = (
        clean("AAPL", each, interval="1h", session_ends=ends, now=at).frame
        for each, at in ((frame, now + pd.Timedelta(days=1)), (tampered, now))
    )
    pd.testing.assert_frame_equal(early, whole.iloc[: len(early)], check_freq=False)


@pytest.mark.parametrize(
    ("day", "zone", "collides"),
    [
        ("2024-11-03", ZONE, True),
        ("2024-10-27", "Europe/London", True),
        ("2024-03-10", ZONE, False),
        ("2024-11-03", "UTC", False),
        ("2024-11-04", ZONE, False),
    ],
)
def test_an_hour_that_happens_twice_is_no_guess(day: str, zone: str, collides: bool) -> None:
    starts = pd.date_range(pd.Timestamp(day, tz=zone), periods=20, freq="1h")
    now = pd.Timestamp("2025-01-01", tz="UTC")
    if collides:
        with pytest.raises(DataError, match=f"ES=F has two bars at {day} 0[12]:00 .*set back"):
            clean("ES=F", make_frame(starts), interval="1h", session_ends={}, now=now)
    else:
        bars = clean("ES=F", make_frame(starts), interval="1h", session_ends={}, now=now)
        assert bars.frame.index.is_unique
