"""Ticker symbols: which ones may go into a URL or a file name, and how they are spelt there.

A symbol that reaches the network or the disk comes out of an allow-list, so that neither a path
nor a query can be smuggled in. Nobody changes the case of what a user types: a lower-case symbol is
an error that names the upper-case one.
"""

import re
from collections.abc import Sequence

from forecasting.errors import DataError

SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.\-=^]{0,19}")
# Names inside a user's file are freer, but no path and no spreadsheet formula.
_LABEL = re.compile(r"[\w^][\w.\-=^& ]{0,39}")
# Device names that Windows refuses as file names, whatever the suffix.
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?")
_ESCAPE = re.compile(r"%([0-9A-F]{2})")


def check_symbol(symbol: str) -> str:
    """The symbol itself, if it may be used in a URL or a file name.

    Raises:
        DataError: It holds other characters, `..`, or lower-case letters.
    """
    if SYMBOL.fullmatch(symbol) and ".." not in symbol:
        return symbol
    upper = symbol.upper()
    if SYMBOL.fullmatch(upper) and ".." not in upper:
        raise DataError(
            f"ticker {symbol!r} has lower-case letters: expected {upper!r}. Tickers are taken as "
            "they are typed."
        )
    raise DataError(
        f"ticker {_shorten(symbol)} is no symbol: expected 1 to 20 of A-Z 0-9 . - = ^ without "
        "'..', such as AAPL, BRK-B or ^GSPC. Check the spelling."
    )


def check_label(label: str, where: str) -> str:
    """A ticker's name as a user's file spells it, if it is safe in messages, plots and paths.

    Args:
        label: Name of a column, of a file, or out of a ticker column.
        where: The file, for the message.

    Raises:
        DataError: It is empty, too long, or holds characters of a path or a formula.
    """
    if _LABEL.fullmatch(label) and ".." not in label:
        return label
    raise DataError(
        f"{where}: {_shorten(label)} cannot be a ticker: expected 1 to 40 letters, digits or "
        ". - = ^ & _ that start with a letter, digit or ^. Rename it in the file."
    )


def require_tickers(wanted: Sequence[str], present: Sequence[str], source: str) -> None:
    """Refuse tickers that a source does not have, or that are named twice.

    Raises:
        DataError: Names the first such ticker and what there is instead.
    """
    for ticker in wanted:
        if ticker not in present:
            known = ", ".join(present[:8]) + (" ..." if len(present) > 8 else "")
            raise DataError(
                f"ticker {ticker!r} is not in {source}: it has {len(present)} ({known}). "
                "Choose one of these, or fetch it first."
            )
    if len(set(wanted)) != len(wanted):
        raise DataError(f"a ticker came twice in {', '.join(wanted)}: name each one once.")


def to_stem(symbol: str) -> str:
    """Spell a symbol as a file name without suffix, on every file system.

    Raises:
        DataError: The symbol is not in the allow-list.
    """
    check_symbol(symbol)
    escaped = re.sub(r"[^A-Z0-9.\-]", _escape, symbol)
    return _escape(symbol[0]) + escaped[1:] if _DEVICE.fullmatch(symbol) else escaped


def from_stem(stem: str) -> str:
    """The symbol whose file has this name; the inverse of `to_stem`.

    Raises:
        DataError: No symbol is spelt like that.
    """
    symbol = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), stem)
    if to_stem(symbol) != stem:
        raise DataError(f"no ticker has the file name {stem!r}: expected {to_stem(symbol)!r}.")
    return symbol


def _escape(character: str | re.Match[str]) -> str:
    return f"%{ord(character if isinstance(character, str) else character[0]):02X}"


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
