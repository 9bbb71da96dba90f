"""One of several processes that refresh the same ticker bar by bar.

python competing_writer.py BARS
"""

import sys

import pandas as pd
from market.store.answers import make_bars

from forecasting.market.store.generations import read
from forecasting.market.store.refresh import refresh


def append_bars(bars: pd.DataFrame, until: int) -> int:
    """Refresh from a source that always has one bar more than the store; returns the bars added."""
    added = 0

    def ask(start: str | None) -> pd.DataFrame:
        return bars.iloc[: min(until, read("AAA")[1].rows + 1)].loc[start:]

    while read("AAA")[1].rows < until:
        added += refresh("AAA", ask, source="test").new_bars
    return added


if __name__ == "__main__":
    print(append_bars(make_bars(int(sys.argv[1])), int(sys.argv[1])))
