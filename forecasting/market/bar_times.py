"""Bar times out of a file's column, and the interval label of a series of bars.

Nothing is guessed: a date that can be read in two ways is an error unless the column itself rules
one of them out. Clock times stay as the file states them; a zone or offset is dropped after the
check that a whole source uses one zone.
"""

import re

import numpy as np
import pandas as pd
import pyarrow as pa

from forecasting.errors import DataError

_ISO = re.compile(r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)(Z|[+-]\d\d:?\d\d)?")
_FORMATS = (
    ("%Y%m%d", re.compile(r"(?:19|20)\d{6}")),
    ("%d.%m.%Y", re.compile(r"\d\d?\.\d\d?\.\d{4}")),
    ("%d.%m.%Y %H:%M:%S.%f", re.compile(r"\d\d?\.\d\d?\.\d{4} \d\d:\d\d:\d\d\.\d+")),
)
_SLASHED = re.compile(r"(\d\d?)/(\d\d?)/\d{4}")
_HOUR = np.timedelta64(1, "h")


def parse_times(column: pa.ChunkedArray, where: str) -> tuple[np.ndarray, frozenset[str]]:
    """Times of all rows as `datetime64[ns]`, and the zones or offsets that the column names.

    Args:
        column: Dates, timestamps or text.
        where: The file and column, for messages.

    Raises:
        DataError: A cell is no date or can be read in two ways; names the row.
    """
    if pa.types.is_timestamp(column.type):
        return _from_timestamps(column, where)
    if pa.types.is_date(column.type):
        return _from_timestamps(column.cast(pa.timestamp("ms")), where)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise DataError(
            f"{where} is of type {column.type}: expected dates or text like 2020-01-31. Numbers "
            "since an epoch are not guessed; convert them."
        )
    text = column.to_pandas().astype("str").str.strip()
    parts = text.str.extract(f"^{_ISO.pattern}$")
    if parts[0].isna().all() and len(text):
        return _from_other_text(text, where), frozenset()
    _refuse(parts[0].isna(), text, where)
    zones = frozenset(parts[1].dropna().unique())
    if zones and parts[1].isna().any():
        raise DataError(f"{where}: some times have a zone, some have none: expected one way only.")
    return _convert(parts[0], "ISO8601", text, where), zones


def check_zones(zones: frozenset[str], where: str) -> None:
    """Refuse a source whose bar times are of several time zones.

    Two offsets one hour apart are one zone with summer time, as yfinance writes it.

    Raises:
        DataError: Names the zones.
    """
    offsets = sorted(pd.Timestamp(f"2000-01-01T00:00{zone}") for zone in zones if _is_offset(zone))
    summer_time = len(offsets) == len(zones) == 2 and offsets[1] - offsets[0] == pd.Timedelta("1h")
    if len(zones) > 1 and not summer_time:
        raise DataError(
            f"{where} mixes the time zones {', '.join(sorted(zones))}: expected one. Convert the "
            "times to the exchange's zone."
        )


def interval_label(times: np.ndarray) -> str:
    """Name of the median bar spacing: `1m`, `5m`, `1h`, `1d`, `1wk`, `1mo`; one bar is `1d`."""
    if len(times) < 2:
        return "1d"
    spacing = np.median(np.diff(times) / _HOUR)
    for label, from_hours in (("1mo", 24 * 20), ("1wk", 24 * 4), ("1d", 20)):
        if spacing >= from_hours:
            return label
    minutes = max(1, round(float(spacing) * 60))
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _from_timestamps(column: pa.ChunkedArray, where: str) -> tuple[np.ndarray, frozenset[str]]:
    series = column.to_pandas()
    if series.isna().any():
        row = int(series.isna().argmax()) + 1
        raise DataError(f"{where}: row {row} has no time: expected one in every row.")
    zone = getattr(series.dt, "tz", None)
    times = series.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    return times, frozenset([str(zone)] if zone else [])


def _from_other_text(text: pd.Series, where: str) -> np.ndarray:
    for date_format, pattern in _FORMATS:
        if text.str.fullmatch(pattern.pattern).all():
            return _convert(text, date_format, text, where)
    slashed = text.str.extract(f"^{_SLASHED.pattern}$")
    _refuse(slashed[0].isna(), text, where)
    first, second = (slashed[k].astype(int).max() for k in (0, 1))
    if first <= 12 and second <= 12:
        raise DataError(
            f"{where}: {text.iloc[0]!r} can be month/day or day/month, and no row tells: expected "
            "dates like 2020-01-31. Rewrite the dates."
        )
    return _convert(text, "%m/%d/%Y" if first <= 12 else "%d/%m/%Y", text, where)


def _convert(dates: pd.Series, date_format: str, text: pd.Series, where: str) -> np.ndarray:
    times = pd.to_datetime(dates, format=date_format, errors="coerce")
    _refuse(times.isna(), text, where)
    return times.to_numpy().astype("datetime64[ns]")


def _refuse(bad: pd.Series, text: pd.Series, where: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise DataError(
            f"{where}: row {row + 1} is {text.iloc[row][:40]!r}, which is no date: expected dates "
            "like 2020-01-31, in every row the same way. Correct the file."
        )


def _is_offset(zone: str) -> bool:
    return zone == "Z" or zone[0] in "+-"
