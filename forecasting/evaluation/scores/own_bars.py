"""The cells of one ticker in the order of its own bars: lags, and origins that do not overlap."""

import numpy as np
from jaxtyping import Float, Int

Cell = Int[np.ndarray, " cell"]


def own_order(date: Cell, ticker: Cell) -> Cell:
    """How many earlier cells a cell's ticker has: 0 for its first."""
    order = np.lexsort((date, ticker))
    sorted_ticker = ticker[order]
    first = np.searchsorted(sorted_ticker, sorted_ticker)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - first
    return rank


def own_lag(date: Cell, ticker: Cell, lag: int) -> Cell:
    """Index of the cell that is `lag` cells of the same ticker earlier (later if negative).

    -1 where there is none. Labels of h bars at cells h or more apart never overlap: a ticker has
    at least as many bars as cells between them.
    """
    order = np.lexsort((date, ticker))
    there = np.arange(len(order)) - lag
    inside = (there >= 0) & (there < len(order))
    other = order[np.where(inside, there, 0)]
    found = np.full(len(order), -1)
    same = inside & (ticker[other] == ticker[order])
    found[order[same]] = other[same]
    return found


def own_sequences(
    values: Float[np.ndarray, " cell"], date: Cell, ticker: Cell, horizon: int
) -> Float[np.ndarray, "origin series"]:
    """Each ticker's values at every h-th of its cells, from its first: labels do not overlap.

    Returns:
        One column a ticker that has a cell, tickers ascending, earliest origin first; NaN after a
        ticker's last.
    """
    order = own_order(date, ticker)
    kept = order % horizon == 0
    _, column = np.unique(ticker[kept], return_inverse=True)
    row = order[kept] // horizon
    sequences = np.full((int(row.max(initial=-1)) + 1, int(column.max(initial=-1)) + 1), np.nan)
    sequences[row, column] = values[kept]
    return sequences
