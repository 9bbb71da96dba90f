"""One door to all prices: a source by name or path, loaded as a `Panel`.

A new source is one new file with a class that fits `PriceSource`, and one line in `SOURCES`.
"""

import difflib
import os
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.price_files import PriceFiles, is_price_path
from forecasting.market.sample import DATASETS, SampleSource
from forecasting.market.simulated import MARKETS, SimulatedSource
from forecasting.market.span import check_span
from forecasting.market.store import StoreSource


@runtime_checkable
class PriceSource(Protocol):
    """Where prices come from."""

    @property
    def name(self) -> str:
        """What a user types to get it."""
        ...

    def tickers(self) -> tuple[str, ...]:
        """All tickers that it has.

        Raises:
            DataError: It has none, or cannot be read.
        """
        ...

    def load(
        self,
        tickers: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Panel:
        """Its prices as a panel.

        Args:
            tickers: Names in the order wanted; None for all that trade in the span.
            start: First day, `YYYY-MM-DD`; None for the first bar there is.
            end: Last day, included; None for the last bar there is.

        Raises:
            DataError: A ticker it does not have, no bar in the span, or prices that are no prices.
        """
        ...


SOURCES: dict[str, Callable[[str], PriceSource]] = {
    **dict.fromkeys(DATASETS, SampleSource),
    "store": StoreSource,
    "simulated": SimulatedSource.from_name,
    **{f"simulated-{market}": SimulatedSource.from_name for market in MARKETS},
}
"""Name of a source to what opens it."""
SOURCE_NAMES = tuple(SOURCES)


def open_source(
    source: str | os.PathLike[str] = "sample", *, missing: str = "error"
) -> PriceSource:
    """Find the price source that a user names.

    Args:
        source: A name out of `SOURCES`; else a CSV or Parquet file, a folder of them, or a glob. A
            simulated market takes settings: `simulated-volatility:seed=3,tickers=12,bars=2000`.
        missing: What a blank price inside a file's history is, see `PriceFiles`.

    Raises:
        DataError: No such source; names the nearest one.
    """
    name = os.fspath(source)
    if opener := SOURCES.get(name.partition(":")[0]):
        return opener(name)
    if is_price_path(name):
        return PriceFiles(name, missing)
    near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(SOURCES)}."
    raise DataError(
        f"no price source {name[:80]!r}: {hint} Or give the path of a CSV or Parquet "
        "file, a folder or a glob."
    )


def load_prices(
    source: str | os.PathLike[str] = "sample",
    tickers: Sequence[str] | None = None,
    *,
    start: str | None = None,
    end: str | None = None,
    missing: str = "error",
) -> Panel:
    """Load prices from a named source or from files.

    Args:
        source: See `open_source`; the bundled sample by default.
        tickers: Names in the order wanted; None for all that trade in the span.
        start: First day, `YYYY-MM-DD`; None for the first bar there is.
        end: Last day, included; None for the last bar there is.
        missing: What a blank price inside a file's history is, see `PriceFiles`.

    Raises:
        DataError: One line: an unknown source or ticker, a bad date, or prices that are none.

    Example:
        >>> load_prices("sample", ["AAPL", "KO"], start="2015-01-01").tickers
        ('AAPL', 'KO')
    """
    if tickers is not None and not tickers:
        raise DataError("no tickers came: expected at least one, or none at all for every ticker.")
    if isinstance(tickers, str):
        raise DataError(f"tickers came as the text {tickers!r}: expected a list, [{tickers!r}].")
    check_span(start, end)
    return open_source(source, missing=missing).load(tickers, start, end)
