"""Prices out of a user's own CSV and Parquet files.

A path is one file, a folder or a glob; what the files do not say of themselves follows it as
settings (`bars.csv:stamps=start`). A file is *long* (a ticker column), *wide* (one column a ticker)
or holds one ticker's bars and is named after it (`AAPL.csv.gz`). Only a close must be there.
"""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from forecasting.errors import DataError
from forecasting.market.files.price_file import NAMED_SUFFIXES, SUFFIXES, PriceFile, is_price_file
from forecasting.market.files.settings import FileSettings
from forecasting.market.files.time_zones import check_zones
from forecasting.market.intervals import bar_ends, common_interval, is_intraday
from forecasting.market.panel import Panel, as_times
from forecasting.market.source_settings import split_settings
from forecasting.market.span import check_span, cut
from forecasting.market.symbols import require_tickers

_UTC = {"UTC", "Z", "+00:00", "+0000"}


def is_price_path(name: str) -> bool:
    """Whether a name can only mean files: a suffix, a separator, a glob, or it is there."""
    path = split_settings(name)[0]
    marked = any(mark in path for mark in "/\\*?[") or path.lower().endswith(NAMED_SUFFIXES)
    return marked or (path != "" and Path(path).exists())


@dataclass(frozen=True)
class PriceFiles:
    """CSV or Parquet files as a price source.

    Attributes:
        name: A file, a folder (its own files, no deeper) or a glob, and settings behind it, see
            `FileSettings`: `bars.csv:stamps=start,timezone=America/New_York`.
        missing: `error` refuses a blank price inside a ticker's history; `mask` leaves that bar
            out, so that it is masked in the panel. Nothing is ever filled. Blank cells before the
            first and after the last price of a wide file's column are bars that do not exist.

    Raises:
        DataError: No such setting.
    """

    name: str
    missing: str = "error"

    def __post_init__(self) -> None:
        if self.missing not in ("error", "mask"):
            raise DataError(f"missing is {self.missing!r}: expected 'error' or 'mask'.")
        assert self.settings

    @cached_property
    def settings(self) -> FileSettings:
        """What the user said about the files, the path among it."""
        return FileSettings.parse(self.name)

    def tickers(self) -> tuple[str, ...]:
        """The tickers of all files, in file order."""
        return tuple(_owners(self._open()))

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
        owners = _owners(self._open())
        require_tickers(tickers or (), tuple(owners), self.name)
        wanted = list(owners) if tickers is None else list(tickers)
        used = dict.fromkeys(owners[ticker] for ticker in wanted)
        frames: dict[str, pd.DataFrame] = {}
        zones: set[frozenset[str]] = set()
        for file in used:
            found, zone = file.frames(wanted, mask_missing=self.missing == "mask")
            frames |= found
            zones.add(zone)
        _check_all_zones(zones, self.settings.path)
        times = {ticker: as_times(frame.index) for ticker, frame in frames.items()}
        interval = common_interval(times, self.name)
        notes = {note for file in used for note in file.layout.notes}
        notes |= self._notes_on_times(interval, frozenset().union(*zones))
        source = f"{self.name} ({'; '.join(sorted(notes))})" if notes else self.name
        ordered = {ticker: frames[ticker] for ticker in wanted}
        panel = Panel.from_frames(ordered, interval=interval, source=source)
        if self.settings.stamps == "start":
            panel = replace(panel, times=bar_ends(panel.times, interval))
        return cut(panel, tickers, start, end)

    def require_stamps(self) -> None:
        """Refuse intraday bars of which nobody said what their stamps are.

        Raises:
            DataError: Says what to add.
        """
        if self.settings.stamps is None:
            raise DataError(
                f"{self.name} has intraday bars, and its times can be their starts or their ends: "
                "expected to know which before resampling. Add stamps=start or stamps=end."
            )

    def _notes_on_times(self, interval: str, zones: frozenset[str]) -> set[str]:
        stamps = self.settings.stamps
        if interval == "1d":
            if stamps is not None:
                raise DataError(
                    f"{self.name} has 1d bars, which bear their day: stamps={stamps} is for "
                    "shorter and longer ones. Leave it out."
                )
            return set()
        notes = {"times in UTC"} if is_intraday(interval) and zones and zones <= _UTC else set()
        return notes if stamps else notes | {"times taken as the ends of the bars"}

    def _open(self) -> list[PriceFile]:
        return [PriceFile.open(path, self.settings) for path in self._paths()]

    def _paths(self) -> list[Path]:
        place = Path(self.settings.path)
        if place.is_dir():
            paths = sorted(path for path in place.iterdir() if is_price_file(path, named=False))
        elif place.exists():
            paths = [place]
        else:
            paths = sorted(Path(found) for found in glob.glob(self.settings.path))
        if not paths:
            raise DataError(
                f"no price files at {self.settings.path}: expected a file, a folder or a glob of "
                f"{', '.join(SUFFIXES)}. Check the path."
            )
        for path in paths:
            if not is_price_file(path, named=True):
                raise DataError(f"{path} is no price file: expected one of {', '.join(SUFFIXES)}.")
        return paths


def _owners(files: Sequence[PriceFile]) -> dict[str, PriceFile]:
    """Ticker to the file that has it."""
    owners: dict[str, PriceFile] = {}
    for file in files:
        for ticker in file.tickers:
            if ticker in owners:
                raise DataError(
                    f"{ticker} is in {owners[ticker].path} and in {file.path}: expected each "
                    "ticker in one file. Name one of the files, or join them."
                )
            owners[ticker] = file
    return owners


def _check_all_zones(zones: set[frozenset[str]], where: str) -> None:
    if len(zones) > 1 and frozenset() in zones:
        raise DataError(
            f"{where}: some files have times with a zone, some without: expected one way only."
        )
    check_zones(frozenset().union(*zones), where)
