"""Pieces of a stream of bars: which are refused, and the blocks that they are computed in."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int

from forecasting.errors import DataError
from forecasting.market.panel import COLUMNS, PRICE_COLUMNS, Panel

# Bars of all tickers together that are computed at once, or bars that are remembered of them where
# these are more: as much as the processor's cache holds.
BLOCK_CELLS = 1 << 15


def blocks(
    mask: Bool[np.ndarray, "time ticker"], lags: int = 0
) -> Iterator[tuple[Int[np.ndarray, " bar"], Int[np.ndarray, " chosen"]]]:
    """Rows and columns of a mask that cover it: tickers that trade at the same bars.

    Args:
        mask: Which bars there are.
        lags: Bars that are remembered of each ticker and computed with.
    """
    patterns = np.ascontiguousarray(np.packbits(mask, axis=0).T)
    if not patterns.size:
        return
    _, kind = np.unique(patterns.view(f"V{patterns.shape[1]}").ravel(), return_inverse=True)
    order = np.argsort(kind, kind="stable")
    for tickers in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
        rows = np.flatnonzero(mask[:, tickers[0]])
        if not len(rows):
            continue
        at_once = max(1, BLOCK_CELLS // max(len(rows), lags))
        for first in range(0, len(tickers), at_once):
            yield rows, tickers[first : first + at_once]


def require_bars_after(time: np.datetime64, panel: Panel) -> None:
    """Refuse a panel whose bars are not newer than `time` and in order, or have no true prices.

    Args:
        time: Newest time that has come; NaT where none has.
        panel: Further bars.

    Raises:
        DataError: Says which bar, what was expected and what to do.
    """
    if len(set(panel.tickers)) != len(panel.tickers):
        raise DataError(f"a ticker came twice in {', '.join(panel.tickers)}: name each one once.")
    before = np.concatenate([[time], panel.times])[:-1]
    if (late := panel.times <= before).any():
        at = int(np.argmax(late))
        raise DataError(
            f"{panel.source}: a bar of {panel.times[at]} came after one of {before[at]}: expected "
            "bars newer than all before, in order of time. Leave out what has come already, or "
            "start again from the whole history."
        )
    prices = panel.values[:, :, [COLUMNS.index(name) for name in PRICE_COLUMNS]]
    if (bad := np.isinf(prices) | (prices <= 0)).any():
        t, k, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{panel.tickers[k]}: {PRICE_COLUMNS[column]} of {panel.times[t]} is "
            f"{prices[t, k, column]:g}: expected positive prices. Correct it, or leave the bar out."
        )
