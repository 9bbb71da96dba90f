"""From the time zone of a file to the clock of the exchange, summer time included."""

import difflib
import zoneinfo

import numpy as np
import pandas as pd

from forecasting.errors import DataError


def check_zone_name(zone: str) -> None:
    """Refuse a name that is none of the time zone database's.

    Raises:
        DataError: Names the nearest one.
    """
    known = zoneinfo.available_timezones()
    if zone not in known:
        near = difflib.get_close_matches(zone, sorted(known), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "expected one such as America/New_York."
        raise DataError(f"no time zone {zone[:40]!r}: {hint}")


def check_zones(zones: frozenset[str], where: str) -> None:
    """Refuse a source whose bar times are of several time zones.

    Two offsets one hour apart are one zone with summer time, as yfinance writes it.

    Args:
        zones: Names and offsets that came.
        where: The path, for messages.

    Raises:
        DataError: Names the zones.
    """
    offsets = sorted(pd.Timestamp(f"2000-01-01T00:00{zone}") for zone in zones if is_offset(zone))
    summer_time = len(offsets) == len(zones) == 2 and offsets[1] - offsets[0] == pd.Timedelta("1h")
    if len(zones) > 1 and not summer_time:
        raise DataError(
            f"{where} mixes the time zones {', '.join(sorted(zones))}: expected one. Name the "
            f"exchange's, to which they are converted, as in {where}:timezone=America/New_York."
        )


def exchange_clock(
    clock: np.ndarray,
    offset: np.ndarray | None,
    *,
    timezone: str,
    source_timezone: str | None,
    where: str,
) -> np.ndarray:
    """Bar times in the local clock of an exchange.

    Args:
        clock: Times as a file states them, `datetime64[ns]`.
        offset: How far each is ahead of UTC, `timedelta64[ns]`; None where the file does not say.
        timezone: The exchange's zone.
        source_timezone: The file's zone where it does not say.
        where: The file and column, for messages.

    Returns:
        `datetime64[ns]` without zone.

    Raises:
        DataError: The file's zone is known twice or not at all, or a time exists twice or not at
            all because a clock was set back or forward.
    """
    if offset is None and source_timezone is None:
        raise DataError(
            f"{where} has times without a zone: expected to know theirs to get to {timezone}. Add "
            f"source_timezone=UTC, or whatever it is; leave timezone out if it is {timezone}."
        )
    if offset is not None and source_timezone is not None:
        raise DataError(
            f"{where} has times with a zone of their own: source_timezone={source_timezone} would "
            "contradict it. Leave it out."
        )
    if offset is not None:
        utc = pd.DatetimeIndex(clock - offset, tz="UTC")
    else:
        stated = pd.DatetimeIndex(clock)
        utc = stated.tz_localize(source_timezone, ambiguous="NaT", nonexistent="NaT")
        if utc.isna().any():
            row = int(utc.isna().argmax())
            raise DataError(
                f"{where}: row {row + 1} is {stated[row]}, which the clock of {source_timezone} "
                "shows twice or never, as it was set back or forward: expected times in UTC or "
                "with an offset."
            )
    local = utc.tz_convert(timezone).tz_localize(None).as_unit("ns")
    _refuse_repeated_hour(utc, local, timezone, where)
    return local.to_numpy()


def is_offset(zone: str) -> bool:
    """Whether a zone is an offset such as `-05:00` or `Z`, and not a name."""
    return zone == "Z" or zone[0] in "+-"


def _refuse_repeated_hour(
    utc: pd.DatetimeIndex, local: pd.DatetimeIndex, timezone: str, where: str
) -> None:
    first = ~utc.duplicated()
    order = np.argsort(utc[first].to_numpy())
    clock = local[first].to_numpy()[order]
    back = np.diff(clock) <= np.timedelta64(0)
    if back.any():
        day = str(clock[int(back.argmax())])[:10]
        raise DataError(
            f"{where}: bars of {day} fall into the hour that the clock of {timezone} shows twice: "
            "expected times that ascend. Choose a zone without summer time, such as UTC."
        )
