from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.yahoo.windows import LIMITS, first_day, windows

NOW = pd.Timestamp("2024-03-20 15:00", tz="UTC")


def test_daily_bars_need_one_request() -> None:
    assert windows("1d", "2000-01-01", "2024-03-18", NOW).spans == (("2000-01-01", "2024-03-19"),)
    assert windows("1d", None, None, NOW).spans == ((None, None),)


def test_minutes_come_in_weeks() -> None:
    made = windows("1m", "2024-03-01", "2024-03-15", NOW)
    assert made.spans == (
        ("2024-03-01", "2024-03-08"),
        ("2024-03-08", "2024-03-15"),
        ("2024-03-15", "2024-03-16"),
    )
    assert made.note == ""


@pytest.mark.parametrize("interval", LIMITS)
def test_one_request_where_one_is_enough(interval: str) -> None:
    spans = windows(interval, None, None, NOW).spans
    assert len(spans) == (5 if interval == "1m" else 1)
    assert spans[-1][1] is None


def test_days_that_yahoo_no_longer_has() -> None:
    made = windows("5m", "2024-01-01", None, NOW)
    assert made.spans == (("2024-01-22", None),)
    assert made.note == (
        "Yahoo has 5m bars of the last 60 days only, from 2024-01-22 on, not from 2024-01-01."
    )
    with pytest.raises(DataError, match="last 30 days only, from 2024-02-21 on: nothing to 2023"):
        windows("1m", "2023-01-01", "2023-02-01", NOW)


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(LIMITS)),
    st.integers(-800, 0),
    st.integers(0, 800),
    st.integers(0, 60 * 24 - 1),
    st.sampled_from(["Pacific/Honolulu", "America/New_York", "Asia/Tokyo", "Pacific/Auckland"]),
)
def test_windows_touch_and_stay_inside_the_limits(
    interval: str, days: int, length: int, minute: int, zone: str
) -> None:
    now = NOW.normalize() + pd.Timedelta(minutes=minute)
    start = NOW.tz_localize(None).normalize() + pd.Timedelta(days=days)
    end = start + pd.Timedelta(days=length)
    if str(end.date()) < first_day(interval, now):
        return
    spans = windows(interval, str(start.date()), str(end.date()), now).spans
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert spans[0][0] == max(str(start.date()), first_day(interval, now))
    assert spans[-1][1] == str((end + pd.Timedelta(days=1)).date())
    limit = LIMITS[interval]
    for first, after in spans:
        begin = pd.Timestamp(first, tz=zone)
        assert now - begin <= pd.Timedelta(days=limit.days_back)
        over = min(pd.Timestamp(after, tz=zone), now.tz_convert(zone))
        # An hour more where clocks are set back.
        assert over - begin <= pd.Timedelta(days=limit.days_a_request, hours=1)
