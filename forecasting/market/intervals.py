"""Bar lengths by name, `1m` to `1wk`, and which one a series of bar times has."""

import difflib
import re
from collections.abc import Mapping

import numpy as np

from forecasting.errors import DataError

INTERVALS = ("1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d", "1wk")
"""Bar lengths that bars can be resampled to; a source may have others."""

_UNITS = {"m": 1, "h": 60, "d": 60 * 24, "wk": 60 * 24 * 7}
_NAME = re.compile(r"([1-9]\d{0,3})(m|h|d|wk)")
_HOUR, _DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")
_YEAR = np.timedelta64(31_557_600, "s")  # 365.25 days
_SHORT = np.timedelta64(8 * 7, "D")
_ENOUGH = 20  # bars from which on a ticker's own spacing is taken at its word


def minutes(interval: str) -> int:
    """Minutes from the start of a bar to its end on the clock: 60 for `1h`, 10,080 for `1wk`.

    Raises:
        DataError: No such interval, or one without a fixed length, such as `1mo`.
    """
    match = _NAME.fullmatch(interval)
    if match is None:
        near = difflib.get_close_matches(interval.lower(), INTERVALS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(INTERVALS)}."
        raise DataError(f"{interval[:40]!r} is no interval of fixed length: {hint}")
    return int(match[1]) * _UNITS[match[2]]


def is_intraday(interval: str) -> bool:
    """Whether bars are shorter than a day: in minutes or hours."""
    return interval.endswith(("m", "h"))


def bar_ends(starts: np.ndarray, interval: str) -> np.ndarray:
    """When bars end that are stamped with their start: as `Panel.times` has them, at the latest.

    A bar that the session's close cuts short ends before. A week is stamped with its seventh day, a
    month with its last; a daily bar bears its day either way.

    Args:
        starts: Stamps, `datetime64[ns]`.
        interval: Bar length.
    """
    if interval == "1d":
        return starts
    if interval == "1mo":
        following = (starts.astype("datetime64[M]") + 1).astype("datetime64[D]")
        return (following - _DAY).astype("datetime64[ns]")
    ends = starts + np.timedelta64(minutes(interval), "m")
    return ends if is_intraday(interval) else ends - _DAY


def interval_label(times: np.ndarray) -> str:
    """Name of the commonest bar spacing: `1m`, `5m`, `1h`, `1d`, `1wk`, `1mo`; one bar is `1d`.

    The commonest rather than the median, so that a thin stock's missing minutes do not lengthen
    its bars; the shorter one where two are as common.

    Args:
        times: Bar times of one ticker, ascending and unique.
    """
    if len(times) < 2:
        return "1d"
    spacings, counts = np.unique(np.diff(times), return_counts=True)
    spacing = float(spacings[counts.argmax()] / _HOUR)
    for label, from_hours in (("1mo", 24 * 20), ("1wk", 24 * 4), ("1d", 20)):
        if spacing >= from_hours:
            return label
    whole = max(1, round(spacing * 60))
    return f"{whole // 60}h" if whole % 60 == 0 else f"{whole}m"


def common_interval(times: Mapping[str, np.ndarray], where: str) -> str:
    """The one interval of several tickers' bars, read off the ticker with most of them.

    Args:
        times: Ticker to its bar times, ascending and unique.
        where: Where they come from, for messages.

    Raises:
        DataError: Daily bars beside intraday ones (two bars on one day are the mark of the latter),
            of two tickers or of one, or two tickers with at least 20 bars and different spacings.
    """
    several = {
        ticker: len(np.unique(own.astype("datetime64[D]"))) < len(own)
        for ticker, own in times.items()
        if len(own) > 1
    }
    intraday = [ticker for ticker, has_several in several.items() if has_several]
    daily = [ticker for ticker, has_several in several.items() if not has_several]
    if intraday and daily:
        raise DataError(
            f"{where}: {intraday[0]} has several bars a day, {daily[0]} has one: expected one "
            "interval. Load them apart."
        )
    longest = max(times, key=lambda ticker: len(times[ticker]))
    interval = interval_label(times[longest])
    if several.get(longest) and not is_intraday(interval):
        days = times[longest].astype("datetime64[D]")
        twice = days[1:][days[1:] == days[:-1]][0]
        raise DataError(
            f"{where}: {longest} has {interval} bars, but several on {twice}: expected one "
            "interval. Load them apart, or drop what repeats a day."
        )
    for ticker, own in times.items():
        if len(own) >= _ENOUGH and (found := interval_label(own)) != interval:
            raise DataError(
                f"{where}: {longest} has {interval} bars, {ticker} has {found} bars: expected one "
                "interval. Load them apart."
            )
    return interval


def bars_per_year(times: np.ndarray, interval: str) -> float:
    """Bars a year, measured over the whole time axis; NaN for a single bar.

    Intraday bars of less than eight weeks have too few nights and week-ends between them for that:
    each weekday then counts with the median number of bars on it, holidays not known.

    Args:
        times: Bar times of a panel, ascending and unique.
        interval: Bar length.
    """
    if len(times) < 2:
        return float("nan")
    span = times[-1] - times[0]
    if is_intraday(interval) and span < _SHORT:
        days, counts = np.unique(times.astype("datetime64[D]"), return_counts=True)
        weekdays = days.astype(int) % 7
        week = sum(np.median(counts[weekdays == weekday]) for weekday in np.unique(weekdays))
        return float(week * (_YEAR / np.timedelta64(7, "D")))
    return float((len(times) - 1) / (span / _YEAR))
