"""Writing a feature table: one pass over the bars, of which only a chunk is in memory.

Bars come in order of time and the table stands ticker after ticker, so each ticker's bars go to a
spool of its own first; the spools are then put one after the other.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from forecasting.errors import DataError
from forecasting.market.atomic_file import write_atomically
from forecasting.market.features import feature_names
from forecasting.market.features.stream import FeatureStream
from forecasting.market.panel import Panel
from forecasting.market.tables.files import BAR_FILES, FORMAT, MANIFEST, ROW_FILES

PART = ".part"
"""How the name of a folder ends that is being written."""

_CHUNK_BYTES = 2**26  # of float64 features
_BLOCK = 16_384  # bars of a spool


def write_table(folder: Path, chunks: Iterable[Panel], variant: str, decay: float) -> None:
    """Compute the table of some bars and put it on disk, whole or not at all.

    Args:
        folder: Where it goes; must not be there.
        chunks: Bars of the same tickers, in order of time.
        variant: Feature variant, not `auto`.
        decay: Weight of the past in the EWMA volatility.

    Raises:
        DataError: Chunks of other tickers, or bars that `FeatureStream.advance` refuses.
        OSError: It cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=PART))
    try:
        n_times, spools = _write_spools(part, chunks, variant, decay)
        manifest = _gather(part, spools, len(feature_names(variant)))
        manifest |= {"format": FORMAT, "n_times": n_times}
        write_atomically(part / MANIFEST, json.dumps(manifest).encode())
        os.rename(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def chunks_of(panel: Panel, n_features: int) -> Iterator[Panel]:
    """A panel cut along time, so that the features of a part take about 64 MiB."""
    bars = max(1, _CHUNK_BYTES // (8 * n_features * len(panel.tickers)))
    for first in range(0, len(panel.times), bars):
        yield panel.at(slice(first, first + bars))


def _record(n_features: int) -> np.dtype:
    """One bar of a spool."""
    features = ("features", "<f4", (n_features,))
    return np.dtype([features, ("volatility", "<f8"), ("log_price", "<f8"), ("time", "<i4")])


def _write_spools(
    folder: Path, chunks: Iterable[Panel], variant: str, decay: float
) -> tuple[int, list[Path]]:
    """Write each ticker's bars with their features to a file.

    Returns:
        Number of times, and the files in the order of the tickers.
    """
    stream, n_times = FeatureStream(variant, decay), 0
    tickers: tuple[str, ...] = ()
    record = _record(len(feature_names(variant)))
    for chunk in chunks:
        tickers = tickers or chunk.tickers
        if chunk.tickers != tickers:
            raise DataError(
                f"{chunk.source}: a chunk of bars has the tickers {', '.join(chunk.tickers[:5])}, "
                f"the first chunk had {', '.join(tickers[:5])}: expected the same ones, in the "
                "same order. Leave the prices of a ticker that has no bar NaN."
            )
        grid, volatility = stream.advance(chunk)
        for k in range(len(tickers)):
            there = np.flatnonzero(chunk.mask[:, k])
            bars = np.empty(len(there), record)
            bars["features"], bars["volatility"] = grid[there, k], volatility[there, k]
            bars["log_price"] = np.log(chunk.column("adj_close")[there, k])
            bars["time"] = n_times + there
            with (folder / f"{k}.spool").open("ab") as file:
                file.write(bars.tobytes())
        n_times += len(chunk.times)
    return n_times, [folder / f"{k}.spool" for k in range(len(tickers))]


def _gather(folder: Path, spools: list[Path], n_features: int) -> dict[str, object]:
    """Put the complete rows and all bars of the tickers one after the other; delete the spools.

    Returns:
        Where the tickers begin and end, and the sums of the files.
    """
    kinds = ROW_FILES | BAR_FILES
    offsets, bar_offsets = [0], [0]
    sums = {name: hashlib.sha256() for name in kinds}
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("wb")) for name in kinds}
        for spool in spools:
            n_rows, n_bars = offsets[-1], bar_offsets[-1]
            for bars in _blocks(spool, _record(n_features)):
                complete = np.flatnonzero(np.isfinite(bars["features"]).all(axis=1))
                arrays = {name: bars[name] for name in BAR_FILES}
                arrays |= {name: bars[name][complete] for name in ("features", "volatility")}
                arrays["bar"] = n_bars + complete
                for name, kind in kinds.items():
                    content = arrays[name].astype(kind).tobytes()
                    files[name].write(content)
                    sums[name].update(content)
                n_rows, n_bars = n_rows + len(complete), n_bars + len(bars)
            offsets.append(n_rows)
            bar_offsets.append(n_bars)
            spool.unlink()
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
    return {
        "n_features": n_features,
        "offsets": offsets,
        "bar_offsets": bar_offsets,
        "sha256": {name: digest.hexdigest() for name, digest in sums.items()},
    }


def _blocks(spool: Path, record: np.dtype) -> Iterator[np.ndarray]:
    with spool.open("rb") as file:
        while len(bars := np.fromfile(file, record, _BLOCK)):
            yield bars
