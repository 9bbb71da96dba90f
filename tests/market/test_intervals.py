import numpy as np
import pandas as pd
import pytest

from forecasting.errors import DataError
from forecasting.market.intervals import (
    INTERVALS,
    bars_per_year,
    common_interval,
    interval_label,
    minutes,
)


def grid(interval: str, n_bars: int, start: str = "2020-01-06") -> np.ndarray:
    length = np.timedelta64(minutes(interval), "m")
    return np.datetime64(start, "ns") + np.arange(1, n_bars + 1) * length


def sessions_of(minutes_a_bar: int, days: pd.DatetimeIndex) -> np.ndarray:
    ends = pd.timedelta_range("9h30min", "16h", freq=f"{minutes_a_bar}min", closed="right")
    return np.concatenate([day + ends for day in days])


@pytest.mark.parametrize("interval", INTERVALS)
def test_every_interval_is_recognised(interval: str) -> None:
    assert interval_label(grid(interval, 9)) == interval
    assert common_interval({"A": grid(interval, 30), "B": grid(interval, 30)}, "f") == interval


def test_missing_minutes_do_not_lengthen_the_bars() -> None:
    times = grid("1m", 1000)
    kept = np.random.default_rng(0).random(1000) < 0.4
    assert interval_label(times[kept]) == "1m"


def test_sessions_of_other_lengths_do_not_confuse() -> None:
    assert interval_label(sessions_of(30, pd.bdate_range("2020-01-06", periods=3))) == "30m"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1x", "'1x' is no interval of fixed length: did you mean"),
        ("1mo", "is no interval of fixed length"),
        ("daily", "expected one of 1m, 2m"),
        ("0m", "is no interval"),
    ],
)
def test_no_intervals(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        minutes(name)


def test_mixed_intervals_are_refused() -> None:
    with pytest.raises(DataError, match="A has 5m bars, B has 1h bars: expected one interval"):
        common_interval({"A": grid("5m", 300), "B": grid("1h", 50)}, "folder")
    with pytest.raises(DataError, match="A has several bars a day, B has one"):
        common_interval({"A": grid("5m", 300), "B": grid("1d", 5)}, "folder")
    assert common_interval({"A": grid("1h", 50), "B": grid("2h", 5)}, "folder") == "1h"
    own = np.r_[grid("1d", 50), grid("1h", 9, "2020-06-01")]
    with pytest.raises(DataError, match="A has 1d bars, but several on 2020-06-01: expected one"):
        common_interval({"A": own}, "folder")


def test_bars_a_year_are_measured_over_a_long_axis() -> None:
    times = pd.bdate_range("2000-01-03", "2010-01-04").to_numpy()
    assert bars_per_year(times, "1d") == pytest.approx(365.25 * 5 / 7, rel=1e-3)
    assert np.isnan(bars_per_year(times[:1], "1d"))
    year = sessions_of(30, pd.bdate_range("2019-01-01", "2020-01-01"))
    assert bars_per_year(year, "30m") == pytest.approx(13 * 365.25 * 5 / 7, rel=5e-3)


@pytest.mark.parametrize(
    ("times", "interval", "expected"),
    [
        (sessions_of(1, pd.bdate_range("2020-01-06", periods=5)), "1m", 390 * 5 / 7 * 365.25),
        (sessions_of(5, pd.bdate_range("2020-01-06", periods=25)), "5m", 78 * 5 / 7 * 365.25),
        (grid("1h", 24 * 31 - 1), "1h", 24 * 365.25),
    ],
)
def test_a_week_of_intraday_bars_has_its_week_end_too(
    times: np.ndarray, interval: str, expected: float
) -> None:
    assert bars_per_year(times, interval) == pytest.approx(expected, rel=1e-3)
