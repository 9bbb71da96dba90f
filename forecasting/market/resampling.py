"""Short bars into longer ones, never looking ahead: minutes to hours, hours to days, days to weeks.

A period's bar is made of its own bars only, and it is stamped with a time at which the last of them
is known: an intraday period with its end on the clock (hours count from midnight), a day (midnight
to midnight of the panel's clock) with its date, a week (Sunday to Saturday, so that no market's
trading days are torn apart) with its last day of the panel. A ticker without a bar in a period has
none: halts stay missing.

The last period is kept only once it is known to be over: its end has come, or, where an exchange
calendar is given, the session or the week's last session has closed; a bar that comes in spite of
that, such as a trade after hours, is refused. Without a calendar a day or a week is over when the
next one has begun; so the last one is left out. What a panel's first bars give is therefore always
the beginning of what the whole panel gives.

A first period that the panel enters midway is shorter than the others; cut dates off afterwards.
"""

import numpy as np
from jaxtyping import Float

from forecasting.errors import DataError
from forecasting.market.calendars import first_day, session_times, sessions
from forecasting.market.intervals import INTERVALS, is_intraday, minutes
from forecasting.market.panel import COLUMNS, Panel

Series = Float[np.ndarray, " bar"]
Periods = Float[np.ndarray, " period"]

_DAY = np.timedelta64(1, "D")
_MINUTE = 60_000_000_000  # nanoseconds
_SUNDAY = np.datetime64("1970-01-04")


def resample(panel: Panel, interval: str, *, calendar: str | None = None) -> Panel:
    """Longer bars out of shorter ones.

    Of each ticker's own bars in a period: first open, highest high, lowest low, last close and
    adjusted close, sums of volume and dividends, product of splits; a value that one of the bars
    lacks is missing. Open, high and low are taken from the adjusted bars and quoted on the price
    basis of the period's last bar: a_i / a_last times the quote, a = adj_close / close, which is
    the quote itself, up to the source's rounding, unless a split or dividend falls inside the
    period. Volume from before a split that moved the quotes counts in the shares of after it.

    From intraday bars to days the two computed columns are filled, inside the session, without the
    night: `realized_variance`, sum of squared log returns r_1 = ln(close_1 / open_1), then
    r_i = ln(close_i / close_(i-1)), decimal^2; `realized_range`, sum of the bars' Parkinson
    variances ln(high_i / low_i)^2 / (4 ln 2), decimal^2. A week sums its days'. From minutes to
    hours they stay missing.

    Args:
        panel: Bars known at their stamped times, see `Panel.times`.
        interval: A longer one out of `INTERVALS`.
        calendar: Exchange code, see `forecasting.market.calendars`; says when a day or week is
            over.

    Raises:
        DataError: No such interval, none that the panel's bars fill exactly, no period is over, a
            bar comes when the calendar says that its day or week is over, or the bars have a
            universe, which belongs onto the longer ones.

    Source: Andersen et al. (2003), Modeling and forecasting realized volatility, Econometrica
        71(2); Christensen & Podolskij (2007), Realized range-based estimation of integrated
        variance, J. Econometrics 141(2).
    """
    _check_interval(panel, interval)
    if interval == "1wk" and is_intraday(panel.interval):
        return resample(resample(panel, "1d", calendar=calendar), "1wk", calendar=calendar)
    periods, stamps = _periods(panel, interval)
    if calendar and not is_intraday(interval):
        _require_calendar(panel, interval, periods, calendar)
    if not _is_over(panel, interval, stamps[-1], calendar):
        stamps = stamps[:-1]
    if not len(stamps):
        raise DataError(
            f"{panel.source} has no whole {interval} bar: its {len(panel.times)} {panel.interval} "
            "bars all fall into one that may go on. Load more bars."
        )
    values = np.full((len(stamps), len(panel.tickers), len(COLUMNS)), np.nan)
    for k in range(len(panel.tickers)):
        rows = np.flatnonzero(panel.mask[:, k] & (periods < len(stamps)))
        if not len(rows):
            continue
        bars = {name: panel.values[rows, k, c] for c, name in enumerate(COLUMNS)}
        filled, starts = np.unique(periods[rows], return_index=True)
        with np.errstate(over="ignore"):  # the product of a source's nonsense may be infinite
            longer = _longer_bars(bars, starts)
        if is_intraday(panel.interval) and interval == "1d":
            longer |= _realized(bars, starts)
        for name, column in longer.items():
            values[filled, k, COLUMNS.index(name)] = column
    source = f"{panel.source}, {panel.interval} bars resampled"
    return Panel(stamps, panel.tickers, values, interval, source)


def _check_interval(panel: Panel, interval: str) -> None:
    if interval not in INTERVALS:
        known = ", ".join(INTERVALS)
        raise DataError(
            f"{interval[:40]!r} is no interval to resample to: expected one of {known}."
        )
    if panel.member is not None:
        raise DataError(
            f"{panel.source} has a universe: expected bars without one. Resample them first, and "
            "apply it to the longer bars."
        )
    short, long = minutes(panel.interval), minutes(interval)
    if long <= short or long % short:
        raise DataError(
            f"{panel.source} has {panel.interval} bars, which make no {interval} bars: expected a "
            f"longer interval that is a multiple of {panel.interval}. Choose another one."
        )


def _periods(panel: Panel, interval: str) -> tuple[np.ndarray, np.ndarray]:
    """Number of the period of each bar, 0, 1, ..., and the stamp of each period."""
    times = panel.times.astype("datetime64[ns]")
    if interval == "1wk":
        weeks = (times.astype("datetime64[D]") - _SUNDAY) // (7 * _DAY)
        numbers, last = np.unique(weeks[::-1], return_index=True)
        stamps = times[::-1][last].astype("datetime64[D]").astype("datetime64[ns]")
        return np.searchsorted(numbers, weeks), stamps
    # A bar stamped 10:00 ends there: it is the last of its hour, as that of 24:00 is of its day.
    length = minutes(interval) * _MINUTE
    begins = (times.astype("int64") - 1) // length * length
    stamps, numbers = np.unique(begins, return_inverse=True)
    if is_intraday(interval):
        stamps = stamps + length
    return numbers, stamps.astype("datetime64[ns]")


def _is_over(panel: Panel, interval: str, stamp: np.datetime64, calendar: str | None) -> bool:
    """Whether the last period can get no more bars, judged by the panel's last bar time."""
    last = panel.times[-1]
    if is_intraday(interval):
        return bool(last == stamp)
    day = stamp.astype("datetime64[D]")
    if interval == "1d":
        closes = session_times(calendar, day, day)[1] if calendar else panel.times[:0]
        return bool(last >= day + _DAY or (len(closes) and last >= closes[0]))
    saturday = day + (6 - (day - _SUNDAY).astype(int) % 7) * _DAY
    if day == saturday or calendar is None:
        return bool(day == saturday)
    return not len(sessions(calendar, day + _DAY, saturday))


def _require_calendar(panel: Panel, interval: str, periods: np.ndarray, calendar: str) -> None:
    """Refuse a bar that comes when the calendar says that its day or week is over."""
    first = first_day(calendar)
    since = int(np.searchsorted(panel.times, first))
    times, periods = panel.times[since:].astype("datetime64[ns]"), periods[since:]
    if len(times) < 2:
        return
    days = (times - np.timedelta64(1, "ns")).astype("datetime64[D]")
    if interval == "1d":
        closes = session_times(calendar, first, times[-1])[1]
        at = np.searchsorted(closes.astype("datetime64[D]"), days)
        ends = np.append(closes, np.datetime64("NaT"))[at]
        ends[ends.astype("datetime64[D]") != days] = np.datetime64("NaT")
    else:
        saturdays = times + (6 - (times.astype("datetime64[D]") - _SUNDAY).astype(int) % 7) * _DAY
        known = sessions(calendar, first, saturdays[-1])
        ends = known[np.searchsorted(known, saturdays, side="right") - 1]
    late = np.flatnonzero((periods[1:] == periods[:-1]) & (times[:-1] >= ends[:-1]))
    if len(late):
        bar = int(late[0])
        raise DataError(
            f"{panel.source} has a {panel.interval} bar of {str(times[bar + 1])[:16]}, but by "
            f"calendar {calendar} its {interval} bar was over at {str(ends[bar])[:16]} "
            f"({len(late)} such bars): expected none after it. Leave calendar out, or drop them."
        )


def _longer_bars(bars: dict[str, Series], starts: np.ndarray) -> dict[str, Periods]:
    """The columns of one ticker's periods, of which `starts` are the first bars."""
    lasts = np.append(starts[1:], len(bars["close"])) - 1
    of_last = np.repeat(lasts, lasts - starts + 1)
    factor = bars["adj_close"] / bars["close"]
    basis = factor / factor[of_last]
    shares = _shares_basis(bars["split"], factor)
    longer = {
        "open": (bars["open"] * basis)[starts],
        "high": np.maximum.reduceat(bars["high"] * basis, starts),
        "low": np.minimum.reduceat(bars["low"] * basis, starts),
        "close": bars["close"][lasts],
        "volume": np.add.reduceat(bars["volume"] * (shares[of_last] / shares), starts),
        "adj_close": bars["adj_close"][lasts],
        "split": np.multiply.reduceat(bars["split"], starts),
    }
    sums = ("dividend", "realized_variance", "realized_range")
    return longer | {name: np.add.reduceat(bars[name], starts) for name in sums}


def _shares_basis(split: Series, factor: Series) -> Series:
    """What one old share has become, cumulated: moves only on a split that moves the quotes."""
    step = np.append(1.0, factor[1:] / factor[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        # The quotes moved where the split explains the step better than nothing does; what is left
        # of the step is a dividend of the same day.
        moved = np.abs(np.log(step / split)) < np.abs(np.log(step))
    return np.cumprod(np.where(moved, split, 1.0))


def _realized(bars: dict[str, Series], starts: np.ndarray) -> dict[str, Periods]:
    """Variances inside the sessions of which `starts` are the first bars."""
    before = np.append(np.nan, bars["close"][:-1])
    before[starts] = bars["open"][starts]
    log_return = np.log(bars["close"] / before)
    log_range = np.log(bars["high"] / bars["low"])
    return {
        "realized_variance": np.add.reduceat(log_return**2, starts),
        "realized_range": np.add.reduceat(log_range**2, starts) / (4 * np.log(2)),
    }
