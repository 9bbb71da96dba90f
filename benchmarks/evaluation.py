"""Speed of honest evaluation: rolling forecasts of all folds, significance, the leak audit.

    python -m benchmarks.evaluation [--json] [--part folds|statistics|audit]

Ours and a peer answer in one process, with the same threads; a peer that is not installed is
reported so (it is in the `peers` extra).
"""

import argparse
import sys
from collections.abc import Callable

from benchmarks import evaluation_audit, evaluation_folds, evaluation_statistics
from benchmarks.outcome import Row, conclude


def main() -> int:
    """Run all parts, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--part", choices=("folds", "statistics", "audit"))
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], list[Row]]] = {
        "folds": evaluation_folds.measure,
        "statistics": evaluation_statistics.measure,
        "audit": evaluation_audit.measure,
    }
    names = [chosen.part] if chosen.part else list(parts)
    return conclude([row for name in names for row in parts[name]()], as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
