"""A feature table on disk, mapped when it is read: one flat file an array, and a manifest.

The folder holds the arrays little-endian and without header, and `table.json` with their sizes and
sha256. `forecasting.market.tables.writing` makes it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.errors import DataError
from forecasting.market.tables.feature_table import FeatureTable

MANIFEST = "table.json"
FORMAT = 1
ROW_FILES = {"features": "<f4", "volatility": "<f8", "bar": "<i4"}
BAR_FILES = {"log_price": "<f8", "time": "<i4"}


@dataclass(frozen=True, eq=False)
class MappedTable(FeatureTable):
    """A table whose arrays are mapped from a folder.

    The pages are shared by all processes that map it; pickled, as for a worker process, it is the
    name of the folder. The arrays can be written to, as torch demands of them, but what is written
    stays with the process.
    """

    folder: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return open_table, (self.folder,)


def open_table(folder: Path, verify: bool = False) -> MappedTable:
    """Map a table that was written.

    Args:
        folder: Its folder.
        verify: Also read it all and compare the sums; the sizes are compared in any case.

    Raises:
        DataError: It is not there, or damaged.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {manifest['format']}, expected {FORMAT}")
        n_rows, n_bars = manifest["offsets"][-1], manifest["bar_offsets"][-1]
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(ROW_FILES, (n_rows,))
        shapes |= dict.fromkeys(BAR_FILES, (n_bars,))
        shapes["features"] = (n_rows, manifest["n_features"])
        if verify:
            _verify(folder, manifest["sha256"])
        kinds = ROW_FILES | BAR_FILES
        return MappedTable(
            **{name: _map(folder / name, kinds[name], shapes[name]) for name in kinds},
            offsets=np.array(manifest["offsets"]),
            bar_offsets=np.array(manifest["bar_offsets"]),
            n_times=manifest["n_times"],
            folder=folder,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"no feature table can be read in {folder}: {error}. Delete the folder and start "
            "again; it is made anew from the prices."
        ) from None


def _map(path: Path, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    size, expected = path.stat().st_size, int(np.prod(shape)) * np.dtype(kind).itemsize
    if size != expected:
        raise ValueError(f"{path.name} has {size} bytes, expected {expected}")
    if not size:
        return np.empty(shape, kind)
    return np.memmap(path, kind, mode="c", shape=shape).view(np.ndarray)


def _verify(folder: Path, sums: dict[str, str]) -> None:
    for name in ROW_FILES | BAR_FILES:
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sums[name]:
                raise ValueError(f"{name} is not what was written")
