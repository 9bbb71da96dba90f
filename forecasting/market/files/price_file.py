"""One CSV or Parquet file of prices: its table, what its columns are, and its bars.

CSV cells are read as text first, so that a ticker such as NA, TRUE or 000001 stays what it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from forecasting.errors import DataError
from forecasting.market.files.bar_times import BarTimes, parse_clock, parse_times
from forecasting.market.files.layout import Layout, find_layout
from forecasting.market.files.price_tables import frames_of, tickers_in
from forecasting.market.files.settings import FileSettings
from forecasting.market.files.time_zones import exchange_clock
from forecasting.market.symbols import from_stem

SUFFIXES = (".csv", ".csv.gz", ".parquet")
NAMED_SUFFIXES = (*SUFFIXES, ".txt")
"""A text file may be anything: it has to be named, those of a folder are left alone."""


def is_price_file(path: Path, *, named: bool) -> bool:
    """Whether a path is a file of prices by its suffix.

    Args:
        path: Any path.
        named: Whether the user named it; otherwise it came with its folder.
    """
    suffixes = NAMED_SUFFIXES if named else SUFFIXES
    return path.is_file() and path.name.lower().endswith(suffixes) and path.name[0] != "."


@dataclass(frozen=True, eq=False)
class PriceFile:
    """A file that was read, its cells not yet looked at.

    Attributes:
        path: The file.
        table: Its rows.
        layout: What its columns are.
        tickers: Which tickers it has, in file order.
        settings: What its user said about it.
    """

    path: Path
    table: pa.Table
    layout: Layout
    tickers: tuple[str, ...]
    settings: FileSettings

    @classmethod
    def open(cls, path: Path, settings: FileSettings) -> "PriceFile":
        """Read a file.

        Raises:
            DataError: It cannot be read, has no rows, or columns that are not understood.
        """
        table = _read(path)
        layout = find_layout(table.column_names, str(path), settings.quote)
        if not table.num_rows:
            raise DataError(f"{path} has a header and no rows: expected bars. Check the file.")
        tickers = tickers_in(table, layout, _ticker_of(path), str(path))
        return cls(path, table, layout, tickers, settings)

    def frames(
        self, wanted: Sequence[str], *, mask_missing: bool
    ) -> tuple[dict[str, pd.DataFrame], frozenset[str]]:
        """The bars of the wanted tickers, and the zones that the file names for their times.

        The zones are empty where the times were converted to the exchange's.

        Raises:
            DataError: Names the row or bar, what was there and what was expected.
        """
        times = self._times()
        where = str(self.path)
        clock, zones = times.clock, times.zones
        if self.settings.timezone is not None:
            clock = exchange_clock(
                times.clock,
                times.offset,
                timezone=self.settings.timezone,
                source_timezone=self.settings.source_timezone,
                where=where,
            )
            zones = frozenset()
        frames = frames_of(
            self.table,
            clock,
            self.layout,
            wanted,
            mask_missing=mask_missing,
            stem=_ticker_of(self.path),
            where=where,
        )
        return frames, zones

    def _times(self) -> BarTimes:
        times = parse_times(self.table.column(self.layout.time), self._column(self.layout.time))
        if self.layout.clock is None:
            return times
        column = self.table.column(self.layout.clock)
        return times.at(parse_clock(column, self._column(self.layout.clock)))

    def _column(self, position: int) -> str:
        return f"{self.path}, {self.table.column_names[position]!r}"


def _read(path: Path) -> pa.Table:
    try:
        if path.name.lower().endswith(".parquet"):
            # Without pandas' metadata the index is a column like any other.
            table = pq.read_table(path, page_checksum_verification=True)
            return table.replace_schema_metadata(None)
        return _read_csv(path)
    except UnicodeDecodeError as error:
        raise _no_text(path) from error
    except (OSError, EOFError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = str(error).removeprefix("CSV parse error: ")[:160].rstrip(".")
        # Text of two bytes a letter, or of another alphabet.
        if "\x00" in reason or "invalid UTF8" in reason:
            raise _no_text(path) from error
        raise DataError(f"{path} cannot be read: {reason}. Correct the file.") from error


def _read_csv(path: Path) -> pa.Table:
    with pa_csv.open_csv(path) as reader:
        names = reader.schema.names
    as_text = dict.fromkeys(names, pa.string())
    options = pa_csv.ConvertOptions(column_types=as_text, strings_can_be_null=False)
    return pa_csv.read_csv(path, convert_options=options)


def _no_text(path: Path) -> DataError:
    return DataError(f"{path} is no text in UTF-8: expected CSV. Save it as UTF-8.")


def _ticker_of(path: Path) -> str:
    suffix = next(end for end in NAMED_SUFFIXES if path.name.lower().endswith(end))
    stem = path.name[: -len(suffix)]
    return from_stem(stem) if "%" in stem else stem
