"""Yahoo's answers to questions for charts, with prices that are made up."""

import datetime as dt
import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

ZONE = "America/New_York"
NOT_FOUND = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
# Days back from now, and days a request.
LIMITS = {"1m": (30, 8), "5m": (60, 60), "15m": (60, 60), "1h": (730, 730)}


@dataclass
class Reply:
    """One HTTP answer.

    Attributes:
        status: HTTP status.
        body: What is sent.
        headers: Beside the usual ones.
        delay_s: Seconds before anything is sent.
        missing_bytes: How much more is promised than sent.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    missing_bytes: int = 0


def make_chart(
    days: pd.DatetimeIndex,
    *,
    dividends: dict[str, float] | None = None,
    splits: dict[str, tuple[int, int]] | None = None,
    null: tuple[int, ...] = (),
    session_end: pd.Timestamp | None = None,
    scale: float = 1.0,
    adjustment: float = 0.9,
) -> dict:
    """A chart result with one bar a day, opening at 9:30 New York time.

    Args:
        days: Trading days.
        dividends: Ex-date to amount.
        splits: Ex-date to ratio.
        null: Bars without prices.
        session_end: End of the running session.
        scale: On all prices, as a later split leaves it.
        adjustment: Adjusted close over close.
    """
    stamps = [_opening(day) for day in days]
    close = scale * np.round(50 * np.exp(np.cumsum(np.sin(np.arange(len(days))) / 50)), 2)
    blank = set(null)

    def listed(values: np.ndarray) -> list:
        return [None if k in blank else float(value) for k, value in enumerate(values)]

    end = session_end or pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(hours=5)
    period = {"timezone": "EST", "gmtoffset": -18000, "end": int(end.timestamp())}
    period["start"] = period["end"] - 23_400
    quote = {
        "open": listed(close * 1.001),
        "high": listed(close * 1.01),
        "low": listed(close * 0.99),
        "close": listed(close),
        "volume": [None if k in blank else 1000 + k for k in range(len(days))],
    }
    events: dict[str, dict] = {
        "dividends": {
            str(_opening(pd.Timestamp(day))): {
                "amount": amount,
                "date": _opening(pd.Timestamp(day)),
            }
            for day, amount in (dividends or {}).items()
        },
        "splits": {
            str(_opening(pd.Timestamp(day))): {
                "date": _opening(pd.Timestamp(day)),
                "numerator": numerator,
                "denominator": denominator,
                "splitRatio": f"{numerator}:{denominator}",
            }
            for day, (numerator, denominator) in (splits or {}).items()
        },
    }
    return {
        "meta": {
            "currency": "USD",
            "symbol": "ANY",
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": ZONE,
            "timezone": "EST",
            "gmtoffset": -18000,
            "firstTradeDate": stamps[0],
            "regularMarketTime": stamps[-1],
            "regularMarketPrice": float(close[-1]),
            "priceHint": 2,
            "currentTradingPeriod": {name: dict(period) for name in ("pre", "regular", "post")},
            "validRanges": ["1d", "5d", "1mo", "max"],
            "dataGranularity": "1d",
        },
        "timestamp": stamps,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": listed(close * adjustment)}]},
        "events": {name: event for name, event in events.items() if event},
    }


def make_intraday(
    days: pd.DatetimeIndex, interval: str, *, null: tuple[int, ...] = (), zone: str = ZONE
) -> dict:
    """A chart result with bars from 9:30 to 16:00 on each day."""
    opens = [(day.normalize() + pd.Timedelta(hours=9.5)).tz_localize(zone) for day in days]
    closes = [(day.normalize() + pd.Timedelta(hours=16)).tz_localize(zone) for day in days]
    length = pd.Timedelta(interval)
    stamps = [
        int(stamp.timestamp())
        for first, last in zip(opens, closes, strict=True)
        for stamp in pd.date_range(first, last, freq=length, inclusive="left")
    ]
    chart = make_chart(days)
    chart["meta"] |= {"dataGranularity": interval, "exchangeTimezoneName": zone}
    chart["meta"]["tradingPeriods"] = [
        [
            {
                "timezone": "EST",
                "gmtoffset": -18000,
                "start": int(first.timestamp()),
                "end": int(last.timestamp()),
            }
        ]
        for first, last in zip(opens, closes, strict=True)
    ]
    close = np.round(50 * np.exp(np.cumsum(np.sin(np.arange(len(stamps))) / 50)), 2)
    close = [None if k in null else float(value) for k, value in enumerate(close)]
    quote = dict.fromkeys(("open", "high", "low", "close"), close)
    quote["volume"] = [None if k in null else 100.0 for k in range(len(stamps))]
    return chart | {"timestamp": stamps, "indicators": {"quote": [quote]}, "events": {}}


def between(chart: dict, first: int, last: int, interval: str) -> Reply:
    """The part of a chart from one second to another, as far as Yahoo gives it."""
    if interval in LIMITS:
        back, at_once = LIMITS[interval]
        oldest = dt.datetime.now().timestamp() - back * 86_400
        if first < oldest or last - first > at_once * 86_400:
            words = f"{interval} data not available for startTime={first} and endTime={last}."
            return chart_reply(422, None, {"code": "Unprocessable Entity", "description": words})
    inside = [k for k, stamp in enumerate(chart["timestamp"]) if first <= stamp < last]
    if not inside and interval == "1d":
        words = f"Data doesn't exist for startDate = {first}, endDate = {last}"
        return chart_reply(400, None, {"code": "Bad Request", "description": words})
    if not inside:
        return chart_reply(200, [{"meta": chart["meta"], "indicators": {"quote": [{}]}}], None)

    def cut(columns: dict) -> dict:
        return {name: [values[k] for k in inside] for name, values in columns.items()}

    events = {
        name: {key: event for key, event in listed.items() if first <= event["date"] < last}
        for name, listed in chart["events"].items()
    }
    part = {
        "meta": chart["meta"],
        "timestamp": [chart["timestamp"][k] for k in inside],
        "indicators": {name: [cut(each[0])] for name, each in chart["indicators"].items()},
        "events": {name: listed for name, listed in events.items() if listed},
    }
    return chart_reply(200, [part], None)


def chart_reply(status: int, result: list | None, error: dict | None) -> Reply:
    return Reply(status, json.dumps({"chart": {"result": result, "error": error}}).encode())


def _opening(day: pd.Timestamp) -> int:
    return int((day.normalize() + pd.Timedelta(hours=9.5)).tz_localize(ZONE).timestamp())
