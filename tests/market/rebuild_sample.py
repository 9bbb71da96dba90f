"""Build `data/sample` again from a folder with the source files.

    python tests/market/rebuild_sample.py REGISTRY_FOLDER [OUT_FOLDER]

The source files are named in `data/README.md`. Values are parsed from their decimal text and
written unchanged; equal input and an equal pyarrow give equal bytes.
"""

import hashlib
import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting import paths
from forecasting.market.sample import MANIFEST

COLUMN = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Adj Close": "adj_close",
}
US_DATE = "%m/%d/%Y"
ISO_DATE = "%Y-%m-%d"


def stocks(registry: Path) -> pd.DataFrame:
    wide = pd.read_csv(registry / "us20_adjclose_1990_2022.csv.gz")
    return wide.melt(id_vars="Date", var_name="ticker", value_name="adj_close")


def ohlcv_stocks(registry: Path) -> pd.DataFrame:
    table = pd.read_csv(registry / "us5_ohlcv_2000_2013.csv.gz")
    return table.rename(columns={**COLUMN, "Ticker": "ticker"})


def indices(registry: Path) -> pd.DataFrame:
    parts = []
    for ticker, name in (("^GSPC", "sp500"), ("^IXIC", "nasdaq")):
        path = registry / f"{name}_index_ohlcv_1999_2018.csv.gz"
        part = pd.read_csv(path).rename(columns=COLUMN)
        parts.append(part.assign(ticker=ticker))
    return pd.concat(parts)


def vix(registry: Path) -> pd.DataFrame:
    # A dot is FRED's way of writing a day without a value: there is no bar.
    table = pd.read_csv(registry / "vix_close_2014_2019.csv.gz", na_values=".").dropna()
    return table.rename(columns={"vix": "adj_close"}).assign(ticker="^VIX")


DATASETS = {
    "us20_adj_close.parquet": (stocks, ISO_DATE, "PyPI skfolio 1.12.2", "BSD-3-Clause"),
    "us5_ohlcv.parquet": (
        ohlcv_stocks,
        ISO_DATE,
        "PyPI bokeh-sampledata 2026.1, from Quandl WIKI",
        "public domain (data), BSD-3-Clause (package)",
    ),
    "indices_ohlcv.parquet": (indices, US_DATE, "PyPI arch 8.0.0", "NCSA"),
    "vix_close.parquet": (vix, US_DATE, "PyPI arch 8.0.0", "NCSA"),
}


def to_table(frame: pd.DataFrame, date_format: str) -> pa.Table:
    order = ["open", "high", "low", "close", "volume", "adj_close"]
    columns = [name for name in order if name in frame]
    times = pd.to_datetime(frame["Date"], format=date_format).to_numpy()
    return pa.table(
        {
            "ticker": pa.array(frame["ticker"].astype(str), pa.string()),
            "time": pa.array(times.astype("datetime64[ms]")),
            **{name: pa.array(frame[name].astype(float), pa.float64()) for name in columns},
        }
    )


def write(table: pa.Table, path: Path) -> None:
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=["ticker"],
        column_encoding={"time": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    )


def rebuild(registry: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for file, (read, date_format, source, licence) in DATASETS.items():
        table = to_table(read(registry), date_format)
        write(table, out / file)
        times = table["time"].to_numpy()
        manifest[file] = {
            "sha256": hashlib.sha256((out / file).read_bytes()).hexdigest(),
            "rows": table.num_rows,
            "tickers": table["ticker"].unique().to_pylist(),
            "first": str(times.min().astype("datetime64[D]")),
            "last": str(times.max().astype("datetime64[D]")),
            "source": source,
            "licence": licence,
        }
    text = json.dumps(manifest, indent=2)
    (out / MANIFEST).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    rebuild(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else paths.sample())
