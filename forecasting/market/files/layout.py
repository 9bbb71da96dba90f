"""What the columns of a price table are: long, wide, or one ticker's own bars.

Names are matched without regard to case, spaces, dots and underscores. Two columns that could be
the same thing are an error; a column that is none of ours is left out and named in the source text.
"""

import re
from dataclasses import dataclass

from forecasting.errors import DataError
from forecasting.market.panel import QUOTED_COLUMNS
from forecasting.market.symbols import check_label

_DATE_NAMES = {"date", "dtyyyymmdd"}
_TIME_NAMES = {*_DATE_NAMES, "datetime", "time", "timestamp", "timestamps"}
_TICKER_NAMES = {"ticker", "symbol"}
_BAR_WORDS = {"open", "high", "low", "close", "volume"}
_SEPARATOR = re.compile(r"[\s_.\-]+")
_SIDED = re.compile(r"(bid|ask)[\s_.\-]*(open|high|low|close|volume)", re.IGNORECASE)
_UNNAMED = {"", "unnamed:0", "indexlevel0", "index"}
_NAMES = {name.replace("_", ""): name for name in QUOTED_COLUMNS} | {
    "adjustedclose": "adj_close",
    "vol": "volume",
    "dividends": "dividend",
    "stocksplits": "split",
    "splits": "split",
}


@dataclass(frozen=True)
class Layout:
    """Positions of the columns of a table.

    Attributes:
        time: Position of the bar times, or of their dates.
        clock: Position of the times of day where they stand apart from the dates, else None.
        ticker: Position of the ticker column, None unless the table is long.
        fields: Column of ours to position; empty in a wide table.
        series: Ticker to position in a wide table, else empty.
        notes: What the reader of a result should know, for the panel's source text.
    """

    time: int
    clock: int | None
    ticker: int | None
    fields: dict[str, int]
    series: dict[str, int]
    notes: tuple[str, ...]


def find_layout(names: list[str], where: str, quote: str | None = None) -> Layout:
    """Decide what each column is.

    Args:
        names: Column names in file order.
        where: The file, for messages.
        quote: `bid` or `ask`: which prices to take from a file that has both.

    Raises:
        DataError: No date column, no close, two columns for one thing, or bid and ask prices where
            no side was chosen.
    """
    names = _one_side(names, where, quote)
    keys = [_key(name) for name in names]
    time, clock = _time_columns(names, keys, where)
    ticker = _only([k for k, key in enumerate(keys) if key in _TICKER_NAMES], names, where)
    rest = [k for k in range(len(names)) if k not in (time, clock, ticker)]
    known = [k for k in rest if keys[k] in _NAMES]
    has_close = any(_NAMES[keys[k]] in ("close", "adj_close") for k in known)
    if ticker is None and not has_close:
        series = _wide(names, rest, known, where)
        return Layout(time, clock, None, {}, series, ("close taken as adjusted",))
    fields: dict[str, int] = {}
    for k in known:
        if _NAMES[keys[k]] in fields:
            _only([fields[_NAMES[keys[k]]], k], names, where)
        fields[_NAMES[keys[k]]] = k
    if not has_close:
        raise DataError(
            f"{where} has no close: expected a column close or adj_close, found "
            f"{_listed(names)}. Add it, or rename a column."
        )
    return Layout(time, clock, ticker, fields, {}, _notes(fields, names, rest, known))


def _one_side(names: list[str], where: str, quote: str | None) -> list[str]:
    """The names, with the prices of the chosen side called open, high, low and close."""
    sided = [_SIDED.fullmatch(name.strip()) for name in names]
    sides = sorted({match[1].lower() for match in sided if match})
    if sides and quote is None:
        raise DataError(
            f"{where} has {' and '.join(sides)} prices: expected to know which to take. Load it as "
            f"{' or '.join(f'{where}:quote={side}' for side in sides)}."
        )
    if quote is not None and quote not in sides:
        raise DataError(
            f"{where} has no {quote} prices: expected a column {quote}_close, found "
            f"{_listed(names)}. Leave quote={quote} out."
        )
    return [
        match[2] if match and match[1].lower() == quote else name
        for match, name in zip(sided, names, strict=True)
    ]


def _time_columns(names: list[str], keys: list[str], where: str) -> tuple[int, int | None]:
    """Positions of the times, and of the times of day where these have a column of their own."""
    named = [k for k, key in enumerate(keys) if key in _TIME_NAMES]
    dates = [k for k in named if keys[k] in _DATE_NAMES]
    clocks = [k for k in named if keys[k] == "time"]
    if len(named) == 2 and dates and clocks:
        return dates[0], clocks[0]
    time = _only(named, names, where)
    if time is not None:
        return time, None
    # A frame's own index has no name of ours: first in a CSV file, last in a Parquet file.
    for k in (0, len(keys) - 1):
        if keys[k : k + 1] and keys[k] in _UNNAMED:
            return k, None
    if keys[:1] == ["price"]:
        raise DataError(
            f"{where} looks like the table of several header lines that yfinance's download() "
            "writes: expected one header line. Write it with multi_level_index=False."
        )
    raise DataError(
        f"{where} has no date column: expected one named date, datetime, time or timestamp, or a "
        f"first column without a name, found {_listed(names)}. Rename a column, and write the file "
        "with commas."
    )


def _wide(names: list[str], rest: list[int], known: list[int], where: str) -> dict[str, int]:
    # LOW is a ticker too; alone among others it is one. bid_open beside ask_close is none.
    words = {word for k in rest for word in _SEPARATOR.split(names[k].lower())} & _BAR_WORDS
    if len(known) == len(rest) or len(words) > 1:
        found = _listed([names[k] for k in rest])
        raise DataError(
            f"{where} has no close and no tickers: expected a column close or adj_close, or one "
            f"column a ticker, found {found or 'dates only'}. Rename or add columns."
        )
    series: dict[str, int] = {}
    for k in rest:
        ticker = check_label(names[k].strip(), where)
        if ticker in series:
            _only([series[ticker], k], names, where)
        series[ticker] = k
    return series


def _notes(
    fields: dict[str, int], names: list[str], rest: list[int], known: list[int]
) -> tuple[str, ...]:
    notes = [] if "adj_close" in fields else ["close taken as adjusted"]
    if left_out := [names[k] for k in rest if k not in known]:
        notes.append(f"columns left out: {_listed(left_out)}")
    return tuple(notes)


def _only(positions: list[int], names: list[str], where: str) -> int | None:
    if len(positions) > 1:
        both = " and ".join(repr(names[k]) for k in positions[:2])
        raise DataError(
            f"{where} has two columns for one thing, {both}: expected one. Drop or rename one."
        )
    return positions[0] if positions else None


def _key(name: str) -> str:
    return "".join(name.split()).strip("<>").replace("_", "").replace(".", "").lower()


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:30] for name in names[:8])
    return shown + (" ..." if len(names) > 8 else "")
