"""A history as the bytes of a Parquet file, and back."""

import hashlib
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting.market.panel import QUOTED_COLUMNS
from forecasting.market.store.history import History

SCHEMA = pa.schema(
    [pa.field("time", pa.timestamp("ns"), nullable=False)]
    + [pa.field(name, pa.float64(), nullable=False) for name in QUOTED_COLUMNS]
)
# Prices share their high bytes, which sit together when bytes are split: half the size and time.
_ENCODING = {"time": "DELTA_BINARY_PACKED"} | dict.fromkeys(QUOTED_COLUMNS, "BYTE_STREAM_SPLIT")


def encode(history: History) -> bytes:
    """Write a history as zstd Parquet with page checksums; a value that is absent is NaN."""
    columns = [pa.array(history.times), *(pa.array(each) for each in history.values.T)]
    buffer = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(columns, schema=SCHEMA),
        buffer,
        compression="zstd",
        use_dictionary=False,
        column_encoding=_ENCODING,
        write_page_checksum=True,
    )
    return buffer.getvalue()


def decode(content: bytes, sha256: str) -> History:
    """Read what `encode` wrote, every byte of it checked.

    Args:
        content: The whole file.
        sha256: What it has to be.

    Raises:
        ValueError: The content is another one, a page is not what its checksum says, or it is no
            history.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("its sha256 is not the one of its manifest")
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        table = file.read(use_threads=False)
    except OSError as error:
        raise ValueError(str(error)) from error
    if not table.schema.equals(SCHEMA):
        raise ValueError("its columns are not those of the store")
    values = np.empty((table.num_rows, len(QUOTED_COLUMNS)))
    for k, name in enumerate(QUOTED_COLUMNS):
        values[:, k] = table.column(name).to_numpy()
    return History(table.column("time").to_numpy(), values)
