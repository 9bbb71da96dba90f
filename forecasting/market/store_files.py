"""The files of the local store: one Parquet file and one manifest a ticker.

A ticker's `STEM.parquet` holds `time` and `COLUMNS`; `STEM.json` says how many bars, from when to
when, from where, fetched when, and the sha256 of the Parquet file, which every read checks. Writes
go to a temporary file that replaces the old one when it is whole. The folder is safe to delete.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.atomic_file import write_atomically
from forecasting.market.panel import COLUMNS, as_times, check_frame, day
from forecasting.market.symbols import from_stem, to_stem

SCHEMA = pa.schema(
    [pa.field("time", pa.timestamp("us"), nullable=False)]
    + [pa.field(name, pa.float64(), nullable=name != "adj_close") for name in COLUMNS]
)
_LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Stored:
    """The manifest of one ticker's prices.

    Attributes:
        ticker: Symbol.
        rows: Number of bars.
        first: Day of the first bar, `YYYY-MM-DD`.
        last: Day of the last bar.
        interval: Bar length.
        source: Where they were fetched.
        fetched_at: When, ISO 8601 in UTC.
        sha256: Of the Parquet file.
    """

    ticker: str
    rows: int
    first: str
    last: str
    interval: str
    source: str
    fetched_at: str
    sha256: str


def write(ticker: str, frame: pd.DataFrame, *, source: str, interval: str = "1d") -> Stored:
    """Put one ticker's bars into the store in place of those it has.

    Args:
        ticker: Symbol.
        frame: Bars as `Panel.from_frames` takes them.
        source: Where they come from, one word.
        interval: Bar length.

    Raises:
        DataError: Bars that `check_frame` refuses, or a folder that cannot be written.
    """
    check_frame(ticker, frame)
    times = as_times(frame.index)
    blank = np.full(len(frame), np.nan)
    columns = [frame[name].to_numpy(dtype=float) if name in frame else blank for name in COLUMNS]
    arrays = [
        pa.array(values, field.type, from_pandas=True, safe=False)
        for values, field in zip([times, *columns], SCHEMA, strict=True)
    ]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    content = buffer.getvalue()
    stored = Stored(
        ticker=ticker,
        rows=len(frame),
        first=day(times[0]),
        last=day(times[-1]),
        interval=interval,
        source=source,
        fetched_at=pd.Timestamp.now("UTC").isoformat(timespec="seconds"),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    manifest = json.dumps(asdict(stored), indent=2).encode() + b"\n"
    try:
        with _lock(ticker):
            write_atomically(_path(ticker, ".parquet"), content)
            write_atomically(_path(ticker, ".json"), manifest)
    except OSError as error:
        raise DataError(
            f"{paths.store()} cannot be written ({error.strerror or error}): {ticker} was not "
            "stored. Set FORECASTING_HOME to a folder that can."
        ) from error
    return stored


def read(ticker: str) -> tuple[pd.DataFrame, Stored]:
    """One ticker's bars, indexed by time, columns without any value left out; and its manifest.

    Raises:
        DataError: It is not in the store, or its files are not those that were written.
    """
    try:
        with _lock(ticker):
            stored = Stored(**json.loads(_path(ticker, ".json").read_bytes()))
            content = _path(ticker, ".parquet").read_bytes()
        if hashlib.sha256(content).hexdigest() != stored.sha256 or stored.ticker != ticker:
            raise ValueError("its sha256 is not the one of its manifest")
        table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
        if not table.schema.equals(SCHEMA):
            raise ValueError("its columns are not those of the store")
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{_path(ticker, '.parquet')} is damaged ({str(error)[:100]}): expected the prices "
            f"that were fetched. Run `forecasting fetch {ticker}` again."
        ) from error
    frame = table.to_pandas().set_index("time").dropna(axis="columns", how="all")
    return frame, stored


def present() -> tuple[str, ...]:
    """The tickers in the store, sorted by file name."""
    return tuple(from_stem(path.stem) for path in sorted(paths.store().glob("*.json")))


def _path(ticker: str, suffix: str) -> Path:
    return paths.store() / (to_stem(ticker) + suffix)


def _lock(ticker: str) -> filelock.BaseFileLock:
    folder = paths.store() / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / f"{to_stem(ticker)}.lock", timeout=_LOCK_TIMEOUT_S)
