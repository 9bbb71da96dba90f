"""Bar times out of a file's column.

Nothing is guessed: a date that can be read in two ways is an error unless the column itself rules
one of them out. Clock times stay as the file states them; a zone or offset is kept beside them.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from forecasting.errors import DataError

_ISO = re.compile(r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)(Z|[+-]\d\d:?\d\d)?")
_DATE_AND_CLOCK = re.compile(r"(\S+?)(?:[ T](\S+))?")
_FORMATS = (
    ("%Y%m%d", re.compile(r"(?:19|20)\d{6}")),
    ("%d.%m.%Y", re.compile(r"\d\d?\.\d\d?\.\d{4}")),
    ("%Y.%m.%d", re.compile(r"\d{4}\.\d\d\.\d\d")),
    ("%Y/%m/%d", re.compile(r"\d{4}/\d\d?/\d\d?")),
)
_SLASHED = re.compile(r"(\d\d?)/(\d\d?)/\d{4}")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):?([0-5]\d)(?::?([0-5]\d)(?:\.(\d{1,9}))?)?")


@dataclass(frozen=True, eq=False)
class BarTimes:
    """Times of all rows of a file.

    Attributes:
        clock: As the file states them, `datetime64[ns]` without zone.
        offset: How far each is ahead of UTC, `timedelta64[ns]`; None where the file names no zone.
        zones: The zones or offsets that the file names.
    """

    clock: np.ndarray
    offset: np.ndarray | None = None
    zones: frozenset[str] = frozenset()

    def at(self, time_of_day: np.ndarray) -> "BarTimes":
        """The same days at these times, `timedelta64[ns]` since midnight."""
        return replace(self, clock=self.clock + time_of_day)


def parse_times(column: pa.ChunkedArray, where: str) -> BarTimes:
    """Times out of a column of dates, timestamps or text.

    Args:
        column: One time a row.
        where: The file and column, for messages.

    Raises:
        DataError: A cell is no date or can be read in two ways; names the row.
    """
    if pa.types.is_timestamp(column.type):
        return _from_timestamps(column, where)
    if pa.types.is_date(column.type):
        return _from_timestamps(column.cast(pa.timestamp("ms")), where)
    if not _is_text(column):
        raise DataError(
            f"{where} is of type {column.type}: expected dates or text like 2020-01-31. Numbers "
            "since an epoch are not guessed; convert them."
        )
    text = column.to_pandas().astype("str").str.strip()
    parts = text.str.extract(f"^{_ISO.pattern}$")
    if parts[0].isna().all() and len(text):
        return BarTimes(_from_other_text(text, where))
    _refuse(parts[0].isna(), text, where)
    clock = _convert(parts[0], "ISO8601", text, where)
    zones = frozenset(parts[1].dropna().unique())
    if not zones:
        return BarTimes(clock)
    if parts[1].isna().any():
        raise DataError(f"{where}: some times have a zone, some have none: expected one way only.")
    ahead = {zone: pd.Timestamp(f"2000-01-01T00:00{zone}").utcoffset() for zone in zones}
    offset = parts[1].map(ahead).to_numpy().astype("timedelta64[ns]")
    return BarTimes(clock, offset, zones)


def parse_clock(column: pa.ChunkedArray, where: str) -> np.ndarray:
    """Time of day of all rows since midnight, `timedelta64[ns]`: `09:30`, `09:30:00`, `093000`.

    Raises:
        DataError: A cell is no time of day; names the row.
    """
    if not (_is_text(column) or pa.types.is_time(column.type)):
        raise DataError(
            f"{where} is of type {column.type}: expected times of day as text, like 09:30."
        )
    text = column.cast(pa.string()).to_pandas().astype("str").str.strip()
    return _since_midnight(text, text, where)


def _from_timestamps(column: pa.ChunkedArray, where: str) -> BarTimes:
    series = column.to_pandas()
    if series.isna().any():
        row = int(series.isna().argmax()) + 1
        raise DataError(f"{where}: row {row} has no time: expected one in every row.")
    zone = getattr(series.dt, "tz", None)
    clock = series.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    if zone is None:
        return BarTimes(clock)
    utc = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    return BarTimes(clock, clock - utc, frozenset([str(zone)]))


def _from_other_text(text: pd.Series, where: str) -> np.ndarray:
    parts = text.str.extract(f"^{_DATE_AND_CLOCK.pattern}$")
    dates, clock = parts[0].fillna(""), parts[1]
    midnight = _convert(dates, _date_format(dates, text, where), text, where)
    if clock.isna().all():
        return midnight
    return midnight + _since_midnight(clock.fillna(""), text, where)


def _date_format(dates: pd.Series, text: pd.Series, where: str) -> str:
    for date_format, pattern in _FORMATS:
        if dates.str.fullmatch(pattern.pattern).all():
            return date_format
    slashed = dates.str.extract(f"^{_SLASHED.pattern}$")
    _refuse(slashed[0].isna(), text, where)
    first, second = (slashed[k].astype(int).max() for k in (0, 1))
    if first <= 12 and second <= 12:
        raise DataError(
            f"{where}: {text.iloc[0]!r} can be month/day or day/month, and no row tells: expected "
            "dates like 2020-01-31. Rewrite the dates."
        )
    return "%m/%d/%Y" if first <= 12 else "%d/%m/%Y"


def _since_midnight(clock: pd.Series, text: pd.Series, where: str) -> np.ndarray:
    parts = clock.str.extract(f"^{_CLOCK.pattern}$")
    _refuse(parts[0].isna(), text, where, "time", "09:30 or 093000")
    parts[3] = parts[3].str.ljust(9, "0")
    numbers = parts.fillna("0").astype("int64").to_numpy()
    seconds = numbers[:, :3] @ np.array([3600, 60, 1])
    return (seconds * 1_000_000_000 + numbers[:, 3]).astype("timedelta64[ns]")


def _convert(dates: pd.Series, date_format: str, text: pd.Series, where: str) -> np.ndarray:
    times = pd.to_datetime(dates, format=date_format, errors="coerce")
    _refuse(times.isna(), text, where)
    return times.to_numpy().astype("datetime64[ns]")


def _refuse(
    bad: pd.Series, text: pd.Series, where: str, what: str = "date", example: str = "2020-01-31"
) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise DataError(
            f"{where}: row {row + 1} is {text.iloc[row][:40]!r}, which is no {what}: expected "
            f"{what}s like {example}, in every row the same way. Correct the file."
        )


def _is_text(column: pa.ChunkedArray) -> bool:
    return pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
