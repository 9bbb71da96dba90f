"""The bundled real prices: files below `data/sample`, checked against their manifest at load.

What the data sets are, where they come from and what is wrong with them: `data/README.md`.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.span import check_span, cut
from forecasting.market.symbols import check_symbol, require_tickers

DATASETS = {
    "sample": "us20_adj_close.parquet",
    "sample-ohlcv": "us5_ohlcv.parquet",
    "sample-indices": "indices_ohlcv.parquet",
    "sample-vix": "vix_close.parquet",
}
"""Name of a bundled data set to its file."""

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class SampleSource:
    """One bundled data set as a price source, by its name in `DATASETS`."""

    name: str = "sample"

    def tickers(self) -> tuple[str, ...]:
        """The tickers of the data set."""
        return tuple(manifest_entry(self.name)["tickers"])

    def load(
        self,
        tickers: Sequence[str] | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Panel:
        """Read the data set; see `PriceSource.load`.

        Raises:
            DataError: Also where the file is not the one of the manifest.
        """
        check_span(start, end)
        entry = manifest_entry(self.name)
        for ticker in tickers or ():
            check_symbol(ticker)
        require_tickers(tickers or (), entry["tickers"], self.name)
        table = _read(DATASETS[self.name], entry["sha256"])
        frame = table.to_pandas()
        columns = [name for name in COLUMNS if name in frame]
        frames = {
            str(ticker): bars.set_index("time")[columns]
            for ticker, bars in frame.groupby("ticker", sort=False, observed=True)
        }
        panel = Panel.from_frames(frames, source=f"{self.name} ({entry['source']})")
        return cut(panel, tickers, start, end)


def manifest_entry(name: str) -> dict:
    """What the manifest says of a data set: sha256, rows, tickers, first, last, source, licence.

    Raises:
        DataError: The manifest is missing or damaged.
    """
    path = paths.sample() / MANIFEST
    try:
        return json.loads(path.read_text(encoding="utf-8"))[DATASETS[name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} does not describe {name}: expected the manifest of the bundled prices. "
            "Restore data/sample from the repository, or install the package again."
        ) from error


def _read(file: str, sha256: str) -> pa.Table:
    path = paths.sample() / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): expected the bundled prices. Restore "
            "data/sample from the repository, or install the package again."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path} has sha256 {found[:12]}..., its manifest says {sha256[:12]}...: the bundled "
            "prices were changed. Restore data/sample from the repository."
        )
    return pq.read_table(io.BytesIO(content))
