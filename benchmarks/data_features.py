"""Features: how long a market of many years takes, and what millions of minutes cost in a stream.

    python -m benchmarks.data_features [--json] [--bars 10000000]

Each case runs in a process of its own, once, on simulated prices: no warm cache, nothing computed
before. Times are those of its one thread, so that a busy machine does not count; the clock's stand
beside them. The memory of a market is what Python's tracer counts in a second run. The stream goes
through `FeatureStream.advance` in chunks; drawing the bars is not counted. Its memory is the peak
of the whole process, which must not grow over the second half of the bars.
"""

import argparse
import multiprocessing
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from benchmarks.outcome import Row, conclude
from forecasting.market.features import FeatureStream, compute_features, feature_names
from forecasting.market.simulation import simulate, stream_minutes

FOURTEEN = "+".join(
    (
        *("return_1", "return_5", "return_22", "log_volatility", "log_gap", "overnight"),
        *("log_range_1", "log_range_5", "log_range_22", "volume_surprise"),
        *("momentum_252", "beta_252", "market_return", "rank_reversal"),
    )
)
AUTO = "ohlcv+echo_square+echo_range"
"""What `auto` chooses of daily bars with all columns."""
_TICKERS, _DAYS = 800, 3276
_CHUNK = 65_536
_DECAY = 0.94


def compute(variant: str) -> tuple[float, float, float]:
    """Seconds for all features of a market, also by the clock; MiB beside prices and answer."""
    panel = simulate("volatility", _TICKERS, _DAYS)
    clock, started = time.perf_counter(), time.process_time()
    grid, _ = compute_features(panel, variant, _DECAY)
    seconds, clock = time.process_time() - started, time.perf_counter() - clock
    answer = grid.nbytes
    del grid
    tracemalloc.start()
    compute_features(panel, variant, _DECAY)
    _, peak = tracemalloc.get_traced_memory()
    return seconds, clock, (peak - answer) / 2**20


def stream(variant: str, n_bars: int) -> tuple[float, float, float]:
    """Bars a second of a stream of minutes, also by the clock; MiB by which its memory grew."""
    features = FeatureStream(variant, _DECAY)
    seconds, clock, taken, early = 0.0, 0.0, 0, None
    for chunk in stream_minutes(n_bars, min(_CHUNK, n_bars // 20)):
        clock -= time.perf_counter()
        seconds -= time.process_time()
        features.advance(chunk)
        seconds += time.process_time()
        clock += time.perf_counter()
        taken += len(chunk.times)
        if early is None and taken >= n_bars / 2:
            early = _peak()
    assert early is not None
    return taken / seconds, taken / clock, _peak() - early


def measure(bars: int = 1_000_000) -> list[Row]:
    """All cases.

    Args:
        bars: Length of the stream.
    """
    rows = []
    for variant in (FOURTEEN, "ohlcv", AUTO):
        seconds, clock, extra = _alone(compute, variant)
        case = f"{len(feature_names(variant))} features, {_TICKERS} x {_DAYS:,} days"
        peer = f"{clock:.2f} s by the clock; best public figure for 14: 7.4 s, warm caches"
        rows.append(Row(case, "computed", seconds, "s", peer, 3.0))
        rows.append(Row(case, "memory", extra, "MiB", "at most, beside prices and answer"))
    for variant in ("ohlcv", FOURTEEN):
        rate, by_clock, growth = _alone(stream, variant, bars)
        case = f"{len(feature_names(variant))} features, {bars:,} minutes"
        peer = f"{by_clock:,.0f} by the clock"
        rows.append(Row(case, "stream", rate, "bars/s", peer, 300_000, "larger"))
        rows.append(Row(case, "growth", growth, "MiB", "over the second half of the bars", 16.0))
    return rows


def _alone(
    case: Callable[..., tuple[float, float, float]], *arguments: str | int
) -> tuple[float, float, float]:
    """The outcome of a case in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        return process.submit(case, *arguments).result()


def _peak() -> float:
    """Largest memory of this process so far in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--bars", type=int, default=1_000_000)
    chosen = parser.parse_args()
    return conclude(measure(chosen.bars), as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
