"""Scored cells of simulated markets whose tickers move together."""

import numpy as np

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.proper import score_cells
from forecasting.forecast.law import Law
from forecasting.forecast.student_t import StudentT


def cells_of(returns: np.ndarray, horizon: int = 1, **laws: Law) -> Cells:
    """Cells of a (date, ticker) table of returns; the laws have one cell each, row by row."""
    n, wide = returns.shape
    flat = returns.ravel()
    return Cells(
        horizon=horizon,
        date=np.repeat(np.arange(n), wide),
        ticker=np.tile(np.arange(wide), n),
        returns=flat,
        scores={name: score_cells(flat, law) for name, law in laws.items()},
        laws=laws,
    )


def law_of(shape: tuple[int, ...], scale: float = 1.0, loc: float = 0.0, df: float = 200) -> Law:
    """The same Student-t in every cell; by default all but normal."""
    n = int(np.prod(shape))
    return StudentT(*(np.full(n, float(value)) for value in (loc, scale, df)))


def common_shocks(
    rng: np.random.Generator, n: int, wide: int, horizon: int = 1, correlation: float = 0.5
) -> np.ndarray:
    """Sums of h standard normal shocks of tickers that share some of them, (date, ticker)."""
    shared = np.sqrt(correlation) * rng.normal(size=(n + horizon - 1, 1))
    steps = shared + np.sqrt(1 - correlation) * rng.normal(size=(n + horizon - 1, wide))
    windows = np.lib.stride_tricks.sliding_window_view(steps, horizon, axis=0)
    return windows.sum(axis=-1) / np.sqrt(horizon)
