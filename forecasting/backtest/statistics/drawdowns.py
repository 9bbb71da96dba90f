"""The worst falls of an equity curve, and how far under its high it stood at each close."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from forecasting.backtest.statistics import performance

Equity = Float[np.ndarray, " time"]
Times = Shaped[np.ndarray, " time"]


def underwater(times: Times, equity: Equity) -> pd.Series:
    """E_t / max(E_0 .. E_t) - 1 at each close: decimal, 0 at a high, else negative."""
    depth = performance.drawdowns(equity)
    return pd.Series(depth, index=pd.DatetimeIndex(times), name="underwater")


def worst_drawdowns(times: Times, equity: Equity, n: int = 5) -> pd.DataFrame:
    """The n deepest drawdowns, the deepest first; fewer rows where there were fewer.

    A drawdown runs from a high to the first close that reaches it again. Columns:

        start: Bar of the high before the fall.
        bottom: Bar of the lowest close, the first of equals.
        recovered: First bar at or above the high; NaT where the curve ends below it.
        depth: Lowest equity / high - 1, decimal, negative.
        bars_down: From start to bottom.
        bars_to_recover: From bottom to recovered; NaN where not recovered.
    """
    below = equity < np.maximum.accumulate(equity)
    edges = np.diff(np.concatenate([[False], below, [False]]).astype(int))
    starts, ends = np.flatnonzero(edges == 1) - 1, np.flatnonzero(edges == -1)
    bottoms = np.array(
        [start + int(equity[start:end].argmin()) for start, end in zip(starts, ends, strict=True)],
        dtype=int,
    )
    recovered = ends < len(equity)
    stamps = pd.DatetimeIndex(times)
    back = stamps[np.minimum(ends, len(equity) - 1)]
    table = pd.DataFrame(
        {
            "start": stamps[starts],
            "bottom": stamps[bottoms],
            "recovered": pd.Series(back).where(recovered).to_numpy(),
            "depth": equity[bottoms] / equity[starts] - 1,
            "bars_down": bottoms - starts,
            "bars_to_recover": np.where(recovered, (ends - bottoms).astype(float), np.nan),
        }
    )
    return table.sort_values("depth", kind="stable", ignore_index=True).head(n)
