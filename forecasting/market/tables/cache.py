"""Feature tables of large panels, kept on disk below the home folder.

A table's name is a hash of the prices, the features, the decay and the source code of `market`, so
that one that is found is what would be computed. The folder is safe to delete. One process writes
at a time; tables that have not been used for longest go first.
"""

import hashlib
import os
import shutil
from functools import cache
from pathlib import Path

import filelock

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.features import feature_names
from forecasting.market.panel import Panel
from forecasting.market.tables.files import MANIFEST, MappedTable, open_table
from forecasting.market.tables.writing import PART, chunks_of, write_table

KEPT = 4
"""Tables that stay; a process that has mapped another one keeps it until it ends."""


def cached_table(panel: Panel, variant: str, decay: float) -> MappedTable:
    """The table of a panel, mapped from disk; written first if it is not there or damaged.

    Args:
        panel: Prices.
        variant: Feature variant, not `auto`.
        decay: Weight of the past in the EWMA volatility.

    Raises:
        DataError: The folder cannot be written, or bars that `FeatureStream.advance` refuses.
    """
    folder = paths.tables() / _name(panel, variant, decay)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.parent / ".lock"):
            table = _open(folder)
            if table is None:
                shutil.rmtree(folder, ignore_errors=True)
                _prune(folder.parent, KEPT - 1)
                chunks = chunks_of(panel, len(feature_names(variant)))
                write_table(folder, chunks, variant, decay)
                table = open_table(folder)
            os.utime(folder / MANIFEST)
    except OSError as error:
        raise DataError(
            f"the features of {panel.source} cannot be put into {folder.parent}: "
            f"{error.strerror or error}. Make room there, or set FORECASTING_HOME to another place."
        ) from None
    return table


def _open(folder: Path) -> MappedTable | None:
    try:
        return open_table(folder, verify=True)
    except DataError:
        return None


def _name(panel: Panel, variant: str, decay: float) -> str:
    parts = (panel.vintage, variant, *feature_names(variant), repr(decay), _code())
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """Hash of all source files of `market`."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _prune(folder: Path, kept: int) -> None:
    """Delete all but the tables used last, and what a killed process left half-written.

    Under the lock nobody else is writing.
    """
    used = {path.parent: path.stat().st_mtime for path in folder.glob(f"[!.]*/{MANIFEST}")}
    for table in sorted(used, key=lambda table: used[table])[: max(0, len(used) - kept)]:
        shutil.rmtree(table, ignore_errors=True)
    for part in folder.glob(f".*{PART}"):
        shutil.rmtree(part, ignore_errors=True)
