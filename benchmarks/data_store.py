"""The store of prices: seconds to write, verify, load and bring up to date many tickers.

    python -m benchmarks.data_store [--json] [--symbols 1000] [--bars 5000]

The bars are random walks as Yahoo spells them: raw prices in cents, adjusted closes and all else in
single precision, a dividend a quarter. Everything goes through the public functions, in a temporary
folder on the store's own disk, refreshes by four threads as `fetch` has them. `written` includes
checking the bars and `fsync` of files and folders; `scanned` verifies every sha256 and page
checksum and decodes all columns, from the page cache.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.outcome import Row, conclude
from benchmarks.timing import timed
from forecasting import paths
from forecasting.market.store.generations import read_history
from forecasting.market.store.refresh import Refreshed, refresh
from forecasting.market.store.source import StoreSource

_DISTINCT = 50
"""Different histories; the other symbols have them again, so that memory stays small."""

_FETCH_THREADS = 4
_SCANS = 5


def make_bars(n_bars: int, seed: int) -> pd.DataFrame:
    """Daily bars of one symbol."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.015, n_bars)))
    quotes = {
        "open": close * np.exp(rng.normal(0, 0.003, n_bars)),
        "high": close * np.exp(np.abs(rng.normal(0, 0.01, n_bars))),
        "low": close * np.exp(-np.abs(rng.normal(0, 0.01, n_bars))),
        "close": close,
    }
    bars = {name: np.round(quote, 2) + 0.01 for name, quote in quotes.items()}
    bars["volume"] = np.round(rng.lognormal(15, 0.5, n_bars))
    bars["adj_close"] = bars["close"] * np.exp(-np.linspace(0.4, 0, n_bars))
    bars["dividend"] = np.where(np.arange(n_bars) % 63 == 30, 0.25, 0.0)
    bars["split"] = np.ones(n_bars)
    single = {name: each.astype(np.float32).astype(float) for name, each in bars.items()}
    return pd.DataFrame(single, index=pd.bdate_range("2000-01-03", periods=n_bars))


def measure(symbols: int = 1000, bars: int = 5000) -> list[Row]:
    """Write, scan, load and refresh so many symbols."""
    home = os.environ.get("FORECASTING_HOME")
    paths.store().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.store(), prefix=".benchmark-") as place:
        os.environ["FORECASTING_HOME"] = place
        try:
            return _measure(symbols, bars)
        finally:
            del os.environ["FORECASTING_HOME"]
            if home is not None:
                os.environ["FORECASTING_HOME"] = home


def _measure(symbols: int, bars: int) -> list[Row]:
    histories = [make_bars(bars + 1, seed) for seed in range(_DISTINCT)]
    tickers = [f"S{k}" for k in range(symbols)]

    def bring_up_to(n_bars: int) -> list[Refreshed]:
        sources = [histories[k % _DISTINCT].iloc[:n_bars] for k in range(symbols)]
        with ThreadPoolExecutor(_FETCH_THREADS) as pool:
            return list(pool.map(_refresh, tickers, sources))

    case = f"{symbols:,} symbols x {bars:,} bars"
    written = timed(lambda: bring_up_to(bars))
    size = sum(path.stat().st_size for path in paths.store().rglob("*.parquet"))
    told = f"{size / 2**20:.0f} MiB of zstd Parquet, {size / symbols / bars:.3g} bytes a bar"
    rows = [Row(case, "written", written, "s", told, 20)]
    for threads, floor in ((1, None), (2, 1.0)):
        before = time.process_time()
        seconds = min(timed(partial(scan, tickers, threads)) for _ in range(_SCANS))
        busy = (time.process_time() - before) / _SCANS
        told = f"{symbols * bars / seconds / 1e6:.3g} M bars/s, best of {_SCANS}, CPU {busy:.3g} s"
        rows.append(Row(case, f"scanned by {threads}", seconds, "s", told, floor))
    loaded = timed(StoreSource().load)
    rows.append(Row(case, "as a panel", loaded, "s", "one array of all symbols"))
    refreshed = timed(lambda: bring_up_to(bars + 1))
    rows.append(Row(case, "refreshed", refreshed, "s", "one bar more each, no network", 20))
    unchanged = timed(lambda: bring_up_to(bars + 1))
    rows.append(Row(case, "nothing new", unchanged, "s", "no network"))
    return rows


def scan(tickers: list[str], threads: int) -> int:
    """Read and verify all bars; returns how many."""
    if threads == 1:
        return sum(len(read_history(ticker)[0]) for ticker in tickers)
    with ThreadPoolExecutor(threads) as pool:
        return sum(len(history) for history, _ in pool.map(read_history, tickers))


def _refresh(ticker: str, bars: pd.DataFrame) -> Refreshed:
    return refresh(ticker, lambda start: bars.loc[start:], source="benchmark")


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--bars", type=int, default=5000)
    chosen = parser.parse_args()
    return conclude(measure(chosen.symbols, chosen.bars), as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
