"""Membership tables as CSV files: `symbol,from,to`, and `final_return` where it is known.

One row for each spell of a symbol, days as YYYY-MM-DD and both included. A blank `to` means that it
still is a member. The order of rows and columns is free.
"""

import csv
import difflib
import hashlib
import itertools
import math
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from forecasting.errors import DataError
from forecasting.market.symbols import check_label
from forecasting.market.universe import Spell, Universe

HEADS = ("symbol", "from", "to")
FINAL_RETURN = "final_return"
_MEANT = {"ticker": "symbol", "start": "from", "end": "to", "until": "to", "thru": "to"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def read_universe(path: str | Path) -> Universe:
    """Read a membership table.

    Raises:
        DataError: Names the file, the line, what came and what was expected.
    """
    where = Path(path)
    try:
        content = where.read_bytes()
        lines = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except OSError as error:
        raise DataError(
            f"{where} cannot be read ({error.strerror}): expected a universe, a CSV file with the "
            f"columns {','.join(HEADS)}. Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{where} is no CSV text in UTF-8: expected a universe.") from error
    rows = [(n, [cell.strip() for cell in line]) for n, line in enumerate(lines, 1)]
    rows = [(n, cells) for n, cells in rows if any(cells)]
    heads = _heads(rows[0][1] if rows else [], where)
    if len(rows) < 2:
        raise DataError(f"{where} has no member: expected a row below {','.join(heads)}.")
    spells = [(n, _spell(heads, cells, f"{where}, line {n}")) for n, cells in rows[1:]]
    _require_apart(spells, where)
    return Universe(tuple(spell for _, spell in spells), hashlib.sha256(content).hexdigest())


def _heads(cells: Sequence[str], where: Path) -> list[str]:
    """The names of the columns, in the file's order."""
    known = (*HEADS, FINAL_RETURN)
    for name in cells:
        if name not in known:
            plain = name.lower().replace(" ", "_")
            near = difflib.get_close_matches(plain, known, n=1)
            meant = _MEANT.get(plain) or (near[0] if near else None)
            hint = f"did you mean {meant!r}? Expected" if meant else "expected"
            raise DataError(
                f"{where} has a column {name[:40]!r}: {hint} {', '.join(HEADS)}, and "
                f"{FINAL_RETURN} if it is known. Rename or drop the column."
            )
    if len(set(cells)) != len(cells):
        raise DataError(f"{where} has a column twice in {','.join(cells)}: expected each once.")
    if missing := [name for name in HEADS if name not in cells]:
        raise DataError(
            f"{where} has no column {', '.join(missing)}: expected a universe that begins with "
            f"{','.join(HEADS)}. Add it."
        )
    return list(cells)


def _spell(heads: Sequence[str], cells: Sequence[str], where: str) -> Spell:
    if len(cells) != len(heads):
        raise DataError(f"{where} has {len(cells)} cells: expected {','.join(heads)}.")
    row = dict(zip(heads, cells, strict=True))
    first = _day(row["from"], "from", where)
    last = _day(row["to"], "to", where) if row["to"] else None
    if last is not None and last < first:
        raise DataError(f"{where}: to {last} lies before from {first}: expected from <= to.")
    paid = _final_return(row.get(FINAL_RETURN, ""), where)
    if paid is not None and last is None:
        raise DataError(
            f"{where}: a {FINAL_RETURN} without a last day: expected to, the last day as a member."
        )
    return Spell(check_label(row["symbol"], where), first, last, paid)


def _day(text: str, name: str, where: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise DataError(f"{where}: {name} is {text[:40]!r}: expected a day such as 2015-01-31.")


def _final_return(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        paid = float(text)
    except ValueError:
        paid = math.nan
    if not -1 < paid < math.inf:
        raise DataError(
            f"{where}: {FINAL_RETURN} is {text[:40]!r}: expected a decimal above -1, such as -0.3, "
            "or -0.9999 where nothing was paid."
        )
    return paid


def _require_apart(spells: Sequence[tuple[int, Spell]], where: Path) -> None:
    """Refuse spells of one symbol that overlap, and a final return before its last one."""
    in_order = sorted(spells, key=lambda numbered: (numbered[1].symbol, numbered[1].first))
    for (one, earlier), (two, later) in itertools.pairwise(in_order):
        if earlier.symbol != later.symbol:
            continue
        if earlier.last is None or earlier.last >= later.first:
            raise DataError(
                f"{where}: the spells of {earlier.symbol} in lines {one} and {two} overlap: "
                "expected each day in one of them. Join them, or correct a day."
            )
        if earlier.final_return is not None:
            raise DataError(
                f"{where}, line {one}: {earlier.symbol} has a {FINAL_RETURN} and comes back in "
                f"line {two}: expected it in its last spell. Move or delete it."
            )
