"""One door to all prices: a source by name or path, loaded as a `Panel`.

A new source is one new file with a class that fits `PriceSource`, and one line in `SOURCES`.
"""

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from forecasting.errors import DataError
from forecasting.market.checks import quarantine
from forecasting.market.files.settings import FILE_SETTINGS
from forecasting.market.files.source import PriceFiles, is_price_path
from forecasting.market.intervals import is_intraday
from forecasting.market.marking import mark, require_members, symbols_to_load, table_file
from forecasting.market.panel import Panel
from forecasting.market.price_request import PriceRequest
from forecasting.market.resampling import resample
from forecasting.market.sample import DATASETS, SampleSource
from forecasting.market.simulation import MARKETS, SimulatedSource
from forecasting.market.source_settings import (
    check_setting_names,
    join_settings,
    split_settings,
)
from forecasting.market.span import check_span, cut
from forecasting.market.store.source import StoreSource
from forecasting.market.universe_file import read_universe


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
RESAMPLE_SETTINGS = ("resample", "calendar")
"""Settings that every source takes."""


@dataclass(frozen=True)
class ResampledSource:
    """Another source's bars, made longer; see `forecasting.market.resampling`.

    Attributes:
        name: What the user typed, settings included.
        source: Where the short bars come from.
        interval: Length of the long ones.
        calendar: Exchange code that says when the last period is over; None to leave it out.
    """

    name: str
    source: PriceSource
    interval: str
    calendar: str | None = None

    def tickers(self) -> tuple[str, ...]:
        """The source's tickers."""
        return self.source.tickers()

    def load(
        self,
        tickers: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Panel:
        """Resample all bars, then cut, so that the first and last period are whole.

        Raises:
            DataError: As `PriceSource.load` and `resample`; or a file's intraday bars come without
                a word on whether they are stamped with their start or their end.
        """
        panel = self.source.load(tickers)
        if isinstance(self.source, PriceFiles) and is_intraday(panel.interval):
            self.source.require_stamps()
        return cut(resample(panel, self.interval, calendar=self.calendar), tickers, start, end)


def open_source(
    source: str | os.PathLike[str] = "sample", *, missing: str = "error"
) -> PriceSource:
    """Find the price source that a user names.

    Args:
        source: A name out of `SOURCES`; else a CSV or Parquet file, a folder of them, or a glob. A
            simulated market takes settings: `simulated-volatility:seed=3,tickers=12,bars=2000`;
            files take those of `FileSettings`: `bars.csv:stamps=start,timezone=America/New_York`;
            every source takes `resample=1d` (out of `INTERVALS`) and with it `calendar=XNYS`.
        missing: What a blank price inside a file's history is, see `PriceFiles`.

    Raises:
        DataError: No such source; names the nearest one.
    """
    name = os.fspath(source)
    bare, settings = split_settings(name)
    resampling = {key: settings.pop(key) for key in RESAMPLE_SETTINGS if key in settings}
    short = _open_plain(join_settings(bare, settings), missing)
    if "resample" in resampling:
        return ResampledSource(name, short, resampling["resample"], resampling.get("calendar"))
    if resampling:
        raise DataError(f"calendar came without resample in {name[:120]!r}: add resample=1d.")
    return short


def _open_plain(name: str, missing: str) -> PriceSource:
    bare, _, rest = name.partition(":")
    if bare in DATASETS and rest:
        check_setting_names(split_settings(name)[1] or (rest,), RESAMPLE_SETTINGS, name)
    if opener := SOURCES.get(bare):
        return opener(name)
    if is_price_path(name):
        check_setting_names(split_settings(name)[1], (*FILE_SETTINGS, *RESAMPLE_SETTINGS), name)
        return PriceFiles(name, missing)
    near = difflib.get_close_matches(bare, SOURCES, n=1, cutoff=0.5)
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
    quarantine: str | os.PathLike[str] | None = None,
    universe: str | os.PathLike[str] | None = None,
) -> Panel:
    """Load prices from a named source or from files.

    Args:
        source: See `open_source`; the bundled sample by default.
        tickers: Names in the order wanted; None for all that trade in the span, of the universe's
            symbols if there is one.
        start: First day, `YYYY-MM-DD`; None for the first bar there is.
        end: Last day, included; None for the last bar there is.
        missing: What a blank price inside a file's history is, see `PriceFiles`.
        quarantine: CSV file of bars to leave out, see `forecasting.market.checks.quarantine`.
        universe: CSV file of who was a member when, see `forecasting.market.universe`.

    Raises:
        DataError: One line: an unknown source or ticker, a bad date, prices that are none, or a
            table that is malformed or does not fit them.

    Example:
        >>> load_prices("sample", ["AAPL", "KO"], start="2015-01-01").tickers
        ('AAPL', 'KO')
    """
    if tickers is not None and not tickers:
        raise DataError("no tickers came: expected at least one, or none at all for every ticker.")
    if isinstance(tickers, str):
        raise DataError(f"tickers came as the text {tickers!r}: expected a list, [{tickers!r}].")
    check_span(start, end)
    request = PriceRequest(
        _absolute(os.fspath(source)), (), missing, table_file(quarantine), table_file(universe)
    )
    panel = _load(open_source(source, missing=missing), tickers, start, end, request)
    return replace(panel, request=replace(request, tickers=panel.tickers))


def _load(
    source: PriceSource,
    tickers: Sequence[str] | None,
    start: str | None,
    end: str | None,
    request: PriceRequest,
) -> Panel:
    """Load prices and apply the tables that the request names."""
    if request.quarantine is not None:
        _require_symbols(quarantine.read(Path(request.quarantine.path)), source)
    if request.universe is None:
        panel = source.load(tickers, start, end)
        return panel if request.quarantine is None else mark(panel, request, panel.tickers)
    listed = source.tickers()
    wanted = symbols_to_load(read_universe(request.universe.path), listed, tickers, source.name)
    panel = mark(cut(source.load(wanted), tickers, start, end), request, listed)
    require_members(panel, tickers)
    return panel


def _require_symbols(table: Sequence[quarantine.Stretch], source: PriceSource) -> None:
    """Refuse a quarantine of bars that a source cannot have: a misspelt symbol would do nothing.

    Raises:
        DataError: Names the symbol and the nearest one.
    """
    listed = source.tickers()
    for symbol in dict.fromkeys(stretch.symbol for stretch in table):
        if symbol not in listed:
            near = difflib.get_close_matches(symbol, listed, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise DataError(
                f"the quarantine names {symbol}, which {source.name} does not have: {hint}Correct "
                "the symbol, or take the line out."
            )


def _absolute(name: str) -> str:
    """The name of a source as it means the same in every folder."""
    if name.partition(":")[0] in SOURCES:
        return name
    path, settings = split_settings(name)
    return join_settings(os.path.abspath(path), settings)
