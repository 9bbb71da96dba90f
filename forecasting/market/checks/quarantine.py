"""Bars to leave out: a small table that the checks propose, a person edits, and `apply` obeys.

A CSV file with one row for each stretch of bars: `symbol,from,to,check,reason`. From and to are
included; a day without a clock time means the whole of it. Lines may be deleted and added at will.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from forecasting.errors import DataError
from forecasting.market.atomic_file import write_atomically
from forecasting.market.checks.finding import Finding
from forecasting.market.intervals import is_intraday
from forecasting.market.panel import Panel, end_of, start_of

HEADS = ("symbol", "from", "to", "check", "reason")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?")


@dataclass(frozen=True)
class Stretch:
    """Bars of one ticker to leave out.

    Attributes:
        symbol: The ticker.
        first: Time of the first bar, or its day.
        last: Time of the last bar, or its day, included.
        check: What found it; `by-hand` for a line of the user's own.
        reason: Why, in words.
    """

    symbol: str
    first: str
    last: str
    check: str
    reason: str


def propose(findings: Iterable[Finding], interval: str) -> tuple[Stretch, ...]:
    """The errors and warnings among findings that leaving out bars would cure.

    Notes are not proposed: whoever wants them left out adds a line.

    Args:
        findings: What was found.
        interval: Bar length of the panel; intraday bars are named with their clock time.
    """
    unit: Literal["s", "D"] = "s" if is_intraday(interval) else "D"
    return tuple(
        Stretch(
            symbol=each.ticker,
            first=_text(each.first, unit),
            last=_text(each.last, unit),
            check=each.check,
            reason=each.seen,
        )
        for each in findings
        if each.maskable and each.severity != "note"
    )


def apply(panel: Panel, table: Sequence[Stretch]) -> Panel:
    """The panel without the bars of a quarantine; their values become NaN, nothing is filled.

    The return from the bar before to the bar after is then one bar's return. A dividend or split
    recorded on a masked bar is masked with it; the adjusted close goes on knowing of it.

    Args:
        panel: Prices.
        table: Bars to leave out. Symbols and times that the panel does not have change nothing, so
            that one table serves parts of a panel too.

    Returns:
        A new panel, whose `source` says how many bars were left out.

    Raises:
        DataError: No bar would be left of a ticker.
    """
    masked = np.zeros(panel.mask.shape, dtype=bool)
    for stretch in table:
        if stretch.symbol in panel.tickers:
            first, after = start_of(panel.times, stretch.first), _after(panel.times, stretch.last)
            masked[first:after, panel.tickers.index(stretch.symbol)] = True
    masked &= panel.mask
    for k in np.flatnonzero(masked.any(axis=0) & ~(panel.mask & ~masked).any(axis=0)):
        raise DataError(
            f"the quarantine leaves no bar of {panel.tickers[k]}: expected some. Drop the ticker, "
            "or shorten its stretch."
        )
    if not masked.any():
        return panel
    values = np.where(masked[:, :, None], np.nan, panel.values)
    count = masked.sum()
    bars = f"{count} bar{'s' if count > 1 else ''}"
    return replace(panel, values=values, source=f"{panel.source} ({bars} in quarantine)")


def write(path: Path, table: Sequence[Stretch]) -> None:
    """Write a quarantine as CSV; an empty one has its header.

    Raises:
        OSError: The file cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADS)
    rows.writerows((each.symbol, each.first, each.last, each.check, each.reason) for each in table)
    write_atomically(path, text.getvalue().encode())


def read(path: Path) -> tuple[Stretch, ...]:
    """Read a quarantine.

    Raises:
        DataError: Names the line, what came and what was expected.
    """
    try:
        # A spreadsheet puts a byte order mark in front.
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): expected a quarantine. Write one with "
            "forecasting data check --quarantine FILE."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8: expected a quarantine as CSV.") from error
    if not lines or tuple(cell.strip() for cell in lines[0]) != HEADS:
        raise DataError(f"{path} does not begin with {','.join(HEADS)}: expected a quarantine.")
    return tuple(
        _stretch(cells, f"{path}, line {n}") for n, cells in enumerate(lines[1:], 2) if cells
    )


def _stretch(cells: Sequence[str], where: str) -> Stretch:
    if len(cells) != len(HEADS):
        raise DataError(f"{where} has {len(cells)} cells: expected {','.join(HEADS)}.")
    made = Stretch(*(cell.strip() for cell in cells))
    written = all(_TIME.fullmatch(time) for time in (made.first, made.last))
    try:
        in_order = written and pd.Timestamp(made.first) <= pd.Timestamp(made.last)
    except ValueError:
        in_order = False
    if not in_order:
        raise DataError(
            f"{where}: from {made.first[:40]!r} to {made.last[:40]!r} is no span: expected dates "
            "like 2020-01-31, the first not after the last. Correct the line."
        )
    return made


def _after(times: np.ndarray, last: str) -> int:
    """Index after the last bar meant: that instant if a clock time is given, else that day."""
    if ":" in last:
        return int(np.searchsorted(times, pd.Timestamp(last).to_datetime64(), side="right"))
    return end_of(times, last)


def _text(time: np.datetime64, unit: Literal["s", "D"]) -> str:
    return str(np.datetime_as_string(time, unit=unit)).replace("T", " ")
