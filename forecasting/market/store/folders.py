"""Where the bars of a ticker lie in the store, what is there, and the lock of whoever writes it.

STORE/1d/AAPL/1.json          manifest of generation 1
STORE/1d/AAPL/1-5000.parquet  its 5,000 bars
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.symbols import from_stem, to_stem

_INTERVAL = re.compile(r"[1-9]\d{0,3}(m|h|d|wk|mo)", re.ASCII)
_MANIFEST = re.compile(r"([1-9]\d*)\.json", re.ASCII)
_LOCK_TIMEOUT_S = 60.0


def check_interval(interval: str) -> str:
    """The interval itself, if it may be the name of a folder.

    Raises:
        DataError: It is no bar length.
    """
    if _INTERVAL.fullmatch(interval):
        return interval
    raise DataError(
        f"interval {interval[:40]!r} is no bar length: expected a number and m, h, d, wk or mo, "
        "such as 1d, 1h or 5m."
    )


def folder(ticker: str, interval: str) -> Path:
    """Where a ticker's bars lie.

    Raises:
        DataError: A ticker or an interval that cannot be.
    """
    return paths.store() / check_interval(interval) / to_stem(ticker)


def present(interval: str = "1d") -> tuple[str, ...]:
    """The tickers in the store with bars of this length, sorted by file name."""
    room = paths.store() / check_interval(interval)
    stems = {path.parent.name for path in room.glob("[!.]*/*.json") if _MANIFEST.match(path.name)}
    return tuple(from_stem(stem) for stem in sorted(stems))


def intervals() -> tuple[str, ...]:
    """The bar lengths of which the store has any bars, sorted by name."""
    rooms = sorted(path.name for path in paths.store().glob("[!.]*") if path.is_dir())
    return tuple(room for room in rooms if _INTERVAL.fullmatch(room) and present(room))


def generations(ticker: str, interval: str = "1d") -> tuple[int, ...]:
    """The generations of a ticker's bars, the current one last; none if it is not in the store."""
    return generations_in(folder(ticker, interval))


def generations_in(place: Path) -> tuple[int, ...]:
    """The generations in a folder, in order."""
    found = (_MANIFEST.fullmatch(path.name) for path in place.glob("*.json"))
    return tuple(sorted(int(match[1]) for match in found if match))


@contextmanager
def locked(ticker: str, interval: str) -> Iterator[None]:
    """Hold the lock of a ticker's bars: one writer at a time, readers need none.

    Raises:
        DataError: Another process holds it for too long, or the store cannot be written.
    """
    place = paths.store() / ".locks"
    name = f"{folder(ticker, interval).name}.{interval}.lock"
    try:
        place.mkdir(parents=True, exist_ok=True)
        held = filelock.FileLock(place / name, timeout=_LOCK_TIMEOUT_S)
        held.acquire()
    except filelock.Timeout as error:
        raise DataError(
            f"another process has been fetching {ticker} ({interval}) for {_LOCK_TIMEOUT_S:.0f} s: "
            "nothing was changed. Wait until it is done and try again."
        ) from error
    except OSError as error:
        raise unwritable(ticker, interval, error) from error
    try:
        yield
    finally:
        held.release()


def unwritable(ticker: str, interval: str, error: OSError) -> DataError:
    """What to tell when the disk does not take a ticker's bars."""
    return DataError(
        f"{paths.store()} cannot be written ({error.strerror or error}): {ticker} ({interval}) was "
        "not stored, what the store had of it is kept. Make room there, or set FORECASTING_HOME "
        "to a folder that can be written."
    )
