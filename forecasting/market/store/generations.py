"""The generations of a ticker's bars, read and written.

A manifest is written after the bars that it names and replaces the one before in one step, so that
at any instant it names a file that is whole. Bars that it no longer names are removed last; older
generations stay. Readers take no lock.
"""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.atomic_file import write_atomically
from forecasting.market.store import parquet
from forecasting.market.store.folders import folder, generations_in, unwritable
from forecasting.market.store.history import History
from forecasting.market.store.manifest import Manifest

_BARS = re.compile(r"([1-9]\d*)-\d+\.parquet", re.ASCII)


class DamagedHistoryError(DataError):
    """Files of the store that are not those that were written."""


def manifest(ticker: str, interval: str = "1d", generation: int | None = None) -> Manifest | None:
    """What the store says about a ticker's bars, the current ones by default; None without any.

    Raises:
        DamagedHistoryError: The manifest is not the one that was written.
    """
    return _manifest(folder(ticker, interval), ticker, interval, generation)


def read(
    ticker: str, interval: str = "1d", generation: int | None = None, rows: int | None = None
) -> tuple[pd.DataFrame, Manifest]:
    """One ticker's bars, indexed by time, columns without any value left out; and its manifest.

    Args:
        ticker: Symbol.
        interval: Bar length.
        generation: Which one; None for the current one.
        rows: Only so many bars from the first on, those that the generation had earlier.

    Raises:
        DataError: They are not in the store, or cannot be read.
        DamagedHistoryError: The files are not those that were written.
    """
    history, said = read_history(ticker, interval, generation, rows)
    return history.to_frame(), said


def read_history(
    ticker: str, interval: str = "1d", generation: int | None = None, rows: int | None = None
) -> tuple[History, Manifest]:
    """As `read`, in the form of arrays."""
    place = folder(ticker, interval)
    said = _manifest(place, ticker, interval, generation)
    if said is None:
        found = generations_in(place)
        what = f"generation {generation} of {ticker}" if found else ticker
        known = f"it has {', '.join(map(str, found))}" if found else "fetch it first"
        raise DataError(f"{what} ({interval}) is not in the store {paths.store()}: {known}.")
    history, said = _bars(place, said)
    if rows is not None and not 0 < rows <= len(history):
        raise DataError(
            f"{rows} bars of generation {said.generation} of {ticker} ({interval}) were asked for: "
            f"the store has {len(history)}. Fetch it again."
        )
    return history.part(0, rows), said


def write(history: History, described: Manifest) -> Manifest:
    """Make these bars a generation's, in place of those that it has; the lock must be held.

    Args:
        history: Checked bars.
        described: Their manifest but for the sha256.

    Raises:
        DataError: They cannot be written; what was there before is still there.
    """
    content = parquet.encode(history)
    said = replace(described, sha256=hashlib.sha256(content).hexdigest())
    try:
        write_atomically(folder(said.ticker, said.interval) / said.file_name, content)
    except OSError as error:
        raise unwritable(said.ticker, said.interval, error) from error
    return write_manifest(said)


def write_manifest(said: Manifest) -> Manifest:
    """Replace the manifest of bars that are there already; the lock must be held.

    Raises:
        DataError: It cannot be written; what was there before is still there.
    """
    place = folder(said.ticker, said.interval)
    try:
        write_atomically(place / f"{said.generation}.json", said.encode())
        _sweep(place)
    except OSError as error:
        raise unwritable(said.ticker, said.interval, error) from error
    return said


def _manifest(place: Path, ticker: str, interval: str, generation: int | None) -> Manifest | None:
    found = generations_in(place)
    if not found or generation not in (None, *found):
        return None
    number = found[-1] if generation is None else generation
    path = place / f"{number}.json"
    try:
        said = Manifest.decode(path.read_bytes())
        if (said.ticker, said.interval, said.generation) != (ticker, interval, number):
            raise ValueError(f"it is the manifest of {said.ticker} ({said.interval})")
    except ValueError as error:
        raise _damaged(path, ticker, interval, error) from error
    except OSError as error:
        raise _unreadable(path, ticker, error) from error
    return said


def _bars(place: Path, said: Manifest) -> tuple[History, Manifest]:
    """The bars that a manifest names; and the manifest, which may have been replaced meanwhile."""
    path = place / said.file_name
    try:
        return parquet.decode(path.read_bytes(), said.sha256), said
    except FileNotFoundError as error:
        newer = _manifest(place, said.ticker, said.interval, said.generation)
        if newer is None or newer.file_name == said.file_name:
            raise _damaged(path, said.ticker, said.interval, error) from error
        return _bars(place, newer)
    except ValueError as error:
        raise _damaged(path, said.ticker, said.interval, error) from error
    except OSError as error:
        raise _unreadable(path, said.ticker, error) from error


def _sweep(place: Path) -> None:
    """Remove what no manifest names: superseded bars, and the rests of writes that were killed."""
    for path in place.glob(".*.part"):
        path.unlink()
    for path in place.glob("*.parquet"):
        if match := _BARS.fullmatch(path.name):
            try:
                content = (place / f"{match[1]}.json").read_bytes()
                needed = Manifest.decode(content).file_name == path.name
            except FileNotFoundError:
                needed = False
            except ValueError:
                needed = True
            if not needed:
                path.unlink()


def _damaged(path: Path, ticker: str, interval: str, error: Exception) -> DamagedHistoryError:
    option = "" if interval == "1d" else f" --interval {interval}"
    reason = "it is missing" if isinstance(error, FileNotFoundError) else str(error)[:100]
    following = f"Run `forecasting fetch {ticker}{option}` again."
    newest = max(generations_in(path.parent), default=0)
    if int(path.stem.partition("-")[0]) < newest:
        following = "The source may have another history now: restore the file from a backup."
    return DamagedHistoryError(
        f"{path} is damaged ({reason}): expected the bars of {ticker} that were fetched. "
        f"{following}"
    )


def _unreadable(path: Path, ticker: str, error: OSError) -> DataError:
    return DataError(
        f"{path} cannot be read ({error.strerror or error}): expected the bars of {ticker}. Check "
        "the disk and the file's permissions."
    )
