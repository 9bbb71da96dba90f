"""Prices out of a user's own CSV and Parquet files.

A path is one file, a folder or a glob. A file is *long* (a ticker column), *wide* (one column a
ticker) or holds one ticker's bars and is named after it (`AAPL.csv.gz`). Only a close must be
there. CSV cells are read as text first, so that a ticker such as NA, TRUE or 000001 stays what it
is.
"""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from forecasting.errors import DataError
from forecasting.market.bar_times import check_zones, interval_label, parse_times
from forecasting.market.layout import Layout, find_layout
from forecasting.market.panel import Panel, require_tickers
from forecasting.market.price_tables import frames_of, tickers_in
from forecasting.market.span import check_span, cut
from forecasting.market.symbols import from_stem

SUFFIXES = (".csv", ".csv.gz", ".parquet")


def is_price_path(name: str) -> bool:
    """Whether a name can only mean files: a suffix, a separator, a glob, or it is there."""
    marked = any(mark in name for mark in "/\\*?[")
    return marked or name.lower().endswith(SUFFIXES) or Path(name).exists()


@dataclass(frozen=True)
class PriceFiles:
    """CSV or Parquet files as a price source.

    Attributes:
        name: A file, a folder (its own files, no deeper) or a glob.
        missing: `error` refuses a blank price inside a ticker's history; `mask` leaves that bar
            out, so that it is masked in the panel. Nothing is ever filled. Blank cells before the
            first and after the last price of a wide file's column are bars that do not exist.
    """

    name: str
    missing: str = "error"

    def __post_init__(self) -> None:
        if self.missing not in ("error", "mask"):
            raise DataError(f"missing is {self.missing!r}: expected 'error' or 'mask'.")

    def tickers(self) -> tuple[str, ...]:
        """The tickers of all files, in file order."""
        tables = [_PriceFile.open(path) for path in self._paths()]
        return tuple(self._owners(tables))

    def load(
        self,
        tickers: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Panel:
        """Read the files; see `PriceSource.load`.

        Bars of tickers that are not asked for are not checked.

        Raises:
            DataError: Names the file, the row or bar, what was there and what was expected.
        """
        check_span(start, end)
        files = [_PriceFile.open(path) for path in self._paths()]
        owners = self._owners(files)
        require_tickers(tickers or (), tuple(owners), self.name)
        wanted = list(owners) if tickers is None else list(tickers)
        used = [file for file in files if any(owners[ticker] is file for ticker in wanted)]
        frames: dict[str, pd.DataFrame] = {}
        zones: set[frozenset[str]] = set()
        for file in used:
            found, zone = file.frames(wanted, mask_missing=self.missing == "mask")
            frames |= found
            zones.add(zone)
        _check_all_zones(zones, self.name)
        _check_one_rhythm(frames, self.name)
        notes = sorted({note for file in used for note in file.layout.notes})
        source = f"{self.name} ({'; '.join(notes)})" if notes else self.name
        ordered = {ticker: frames[ticker] for ticker in wanted}
        panel = Panel.from_frames(ordered, source=source)
        panel = replace(panel, interval=interval_label(panel.times))
        return cut(panel, tickers, start, end)

    def _paths(self) -> list[Path]:
        place = Path(self.name)
        if place.is_dir():
            paths = sorted(path for path in place.iterdir() if _is_price_file(path))
        elif place.exists():
            paths = [place]
        else:
            paths = sorted(Path(found) for found in glob.glob(self.name))
        if not paths:
            raise DataError(
                f"no price files at {self.name}: expected a file, a folder or a glob of "
                f"{', '.join(SUFFIXES)}. Check the path."
            )
        for path in paths:
            if not _is_price_file(path):
                raise DataError(f"{path} is no price file: expected one of {', '.join(SUFFIXES)}.")
        return paths

    def _owners(self, files: list["_PriceFile"]) -> dict[str, "_PriceFile"]:
        owners: dict[str, _PriceFile] = {}
        for file in files:
            for ticker in file.tickers:
                if ticker in owners:
                    raise DataError(
                        f"{ticker} is in {owners[ticker].path} and in {file.path}: expected each "
                        "ticker in one file. Name one of the files, or join them."
                    )
                owners[ticker] = file
        return owners


@dataclass(frozen=True, eq=False)
class _PriceFile:
    """One file: its table, what its columns are, and which tickers it has."""

    path: Path
    table: pa.Table
    layout: Layout
    tickers: tuple[str, ...]

    @classmethod
    def open(cls, path: Path) -> "_PriceFile":
        table = _read(path)
        layout = find_layout(table.column_names, str(path))
        if not table.num_rows:
            raise DataError(f"{path} has a header and no rows: expected bars. Check the file.")
        return cls(path, table, layout, tickers_in(table, layout, _ticker_of(path), str(path)))

    def frames(
        self, wanted: Sequence[str], *, mask_missing: bool
    ) -> tuple[dict[str, pd.DataFrame], frozenset[str]]:
        where = str(self.path)
        column = self.table.column_names[self.layout.time]
        times, zones = parse_times(self.table.column(self.layout.time), f"{where}, {column!r}")
        frames = frames_of(
            self.table,
            times,
            self.layout,
            wanted,
            mask_missing=mask_missing,
            stem=_ticker_of(self.path),
            where=where,
        )
        return frames, zones


def _read(path: Path) -> pa.Table:
    try:
        if path.name.lower().endswith(".parquet"):
            # Without pandas' metadata the index is a column like any other.
            table = pq.read_table(path, page_checksum_verification=True)
            return table.replace_schema_metadata(None)
        return _read_csv(path)
    except (OSError, EOFError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = str(error).removeprefix("CSV parse error: ")
        raise DataError(f"{path} cannot be read: {reason[:160]}. Correct the file.") from error


def _read_csv(path: Path) -> pa.Table:
    with pa_csv.open_csv(path) as reader:
        names = reader.schema.names
    as_text = dict.fromkeys(names, pa.string())
    options = pa_csv.ConvertOptions(column_types=as_text, strings_can_be_null=False)
    return pa_csv.read_csv(path, convert_options=options)


def _is_price_file(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES) and path.name[0] != "."


def _ticker_of(path: Path) -> str:
    suffix = next(end for end in SUFFIXES if path.name.lower().endswith(end))
    stem = path.name[: -len(suffix)]
    return from_stem(stem) if "%" in stem else stem


def _check_all_zones(zones: set[frozenset[str]], where: str) -> None:
    if len(zones) > 1 and frozenset() in zones:
        raise DataError(
            f"{where}: some files have times with a zone, some without: expected one way only."
        )
    check_zones(frozenset().union(*zones), where)


def _check_one_rhythm(frames: dict[str, pd.DataFrame], where: str) -> None:
    """Refuse daily bars beside intraday ones: two bars on one day are the mark of the latter."""
    several = {
        name: pd.DatetimeIndex(frame.index).normalize().has_duplicates
        for name, frame in frames.items()
        if len(frame) > 1
    }
    intraday = [name for name, is_intraday in several.items() if is_intraday]
    daily = [name for name, is_intraday in several.items() if not is_intraday]
    if intraday and daily:
        raise DataError(
            f"{where}: {intraday[0]} has several bars a day, {daily[0]} has one: expected one "
            "interval. Load them apart."
        )
