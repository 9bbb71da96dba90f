"""Speed and memory of backtests: one large account, many configurations, and a peer.

    python -m benchmarks.backtest [--json] [--part portfolio|sweep|peers]

Ours and the peer trade the same weights on the same prices in one process; a peer that is not
installed is reported so (it is in the `peers` extra).
"""

import argparse
import sys
from collections.abc import Callable

from benchmarks import backtest_peers, backtest_speed
from benchmarks.outcome import Row, conclude


def main() -> int:
    """Run all parts, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--part", choices=("portfolio", "sweep", "peers"))
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], list[Row]]] = {
        "portfolio": backtest_speed.measure_portfolio,
        "sweep": backtest_speed.measure_sweep,
        "peers": backtest_peers.measure,
    }
    names = [chosen.part] if chosen.part else list(parts)
    return conclude([row for name in names for row in parts[name]()], as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
