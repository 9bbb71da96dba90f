"""What a user's own tables say of prices: which bars are in quarantine, who was a member when."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from forecasting.errors import DataError
from forecasting.market.checks import quarantine
from forecasting.market.panel import Panel
from forecasting.market.price_request import PriceRequest, TableFile
from forecasting.market.universe import Universe
from forecasting.market.universe_file import read_universe


def table_file(path: str | os.PathLike[str] | None) -> TableFile | None:
    """A table as a request names it; None for none.

    Raises:
        DataError: It cannot be read.
    """
    if path is None:
        return None
    place = Path(os.path.abspath(path))
    try:
        return TableFile(str(place), hashlib.sha256(place.read_bytes()).hexdigest())
    except OSError as error:
        raise DataError(
            f"{place} cannot be read ({error.strerror}): expected a table as CSV. Check the path, "
            "or restore it."
        ) from error


def mark(panel: Panel, request: PriceRequest, listed: Sequence[str]) -> Panel:
    """Apply the tables of a request: bars in quarantine go first, then members are marked.

    Times at which the quarantine leaves no bar go with them.

    Args:
        panel: Prices as the source has them.
        request: What was asked for.
        listed: All tickers that the source has.

    Raises:
        DataError: A table is malformed, does not fit, or is another one than was requested.
    """
    if request.quarantine is not None:
        _require_unchanged(request.quarantine)
        panel = quarantine.apply(panel, quarantine.read(Path(request.quarantine.path)))
        panel = panel.select(panel.tickers)
    if request.universe is not None:
        _require_unchanged(request.universe)
        panel = read_universe(request.universe.path).apply(panel, listed)
    return panel


def symbols_to_load(
    universe: Universe, listed: Sequence[str], asked: Sequence[str] | None, source: str
) -> tuple[str, ...]:
    """The tickers asked for, else all of the universe that a source has.

    Args:
        universe: Membership table.
        listed: All tickers that the source has.
        asked: Names; None for all.
        source: Its name, for messages.

    Raises:
        DataError: The table does not know a ticker asked for, none of the table's symbols is
            there, or one of them is a ticker's name in another spelling.
    """
    symbols = set(universe.symbols)
    spelt = {_plain(ticker): ticker for ticker in listed}
    for symbol in universe.symbols:
        other = spelt.get(_plain(symbol))
        if other is not None and other not in symbols and symbol not in listed:
            raise DataError(
                f"the universe has a symbol {symbol!r} that {source} does not have: did you mean "
                f"{other!r}? Spell it as the prices do."
            )
    for ticker in asked or ():
        if ticker not in symbols:
            raise DataError(
                f"ticker {ticker!r} is not in the universe: expected one of its {len(symbols)} "
                "symbols. Add its spells, or leave it out."
            )
    if asked is not None:
        return tuple(asked)
    if wanted := tuple(ticker for ticker in listed if ticker in symbols):
        return wanted
    raise DataError(
        f"none of the {len(symbols)} symbols of the universe ({', '.join(universe.symbols[:5])}"
        f"{' ...' if len(symbols) > 5 else ''}) is in {source}: expected some. Fetch them first, "
        "or spell them as the prices do."
    )


def require_members(panel: Panel, asked: Sequence[str] | None) -> None:
    """Refuse a ticker that was asked for and never is a member on these bars.

    Raises:
        DataError: Names it.
    """
    for ticker in asked or ():
        if ticker not in panel.tickers:
            raise DataError(
                f"{ticker} is no member of the universe on any of its bars in this span: expected "
                "one. Choose other dates, or drop the ticker."
            )


def _plain(symbol: str) -> str:
    """Symbols that differ in case or in the mark before a share class only are alike."""
    return symbol.upper().replace(".", "-").replace("/", "-").replace(" ", "-")


def _require_unchanged(table: TableFile) -> None:
    found = table_file(table.path)
    assert found is not None
    if found.sha256 != table.sha256:
        raise DataError(
            f"{table.path} has changed: expected sha256 {table.sha256[:12]}, found "
            f"{found.sha256[:12]}. Restore it as it was."
        )
