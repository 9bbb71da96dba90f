"""The decile spread: what the tickers with the best forecasts earned over those with the worst."""

import numpy as np
from jaxtyping import Bool

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.information_coefficient import (
    LEAST_TICKERS,
    Date,
    Dates,
    Values,
    centred,
    ranks,
)


def decile_spread(part: Cells, score: Values) -> tuple[Dates, Dates]:
    """Mean return of the tenth with the highest scores less that of the lowest, and its turnover.

    Gross log return over the next h bars, decimal, equal weights. The turnover is the share of the
    two tenths that was not in them h dates before, when their bars had just ended; its first h
    dates have none. NaN where a date has fewer than `LEAST_TICKERS` tickers, or one score for all.
    """
    _, row = np.unique(part.date, return_inverse=True)
    count, rank = np.bincount(row), ranks(score, part.date)
    enough = (count >= LEAST_TICKERS) & ~centred(score, row, count)[1]
    top, bottom = rank > 0.9 * count[row] + 0.5, rank < 0.1 * count[row] + 0.5
    means = [_mean_of(tenth, part.returns, row) for tenth in (top, bottom)]
    spread = np.where(enough, means[0] - means[1], np.nan)
    changed = [_turnover(tenth, row, part) for tenth in (top, bottom)]
    return spread, np.where(enough, (changed[0] + changed[1]) / 2, np.nan)


def _mean_of(chosen: Bool[np.ndarray, " cell"], values: Values, row: Date) -> Dates:
    total, count = np.bincount(row, chosen * values), np.bincount(row, chosen)
    return total / np.where(count > 0, count, np.nan)


def _turnover(chosen: Bool[np.ndarray, " cell"], row: Date, part: Cells) -> Dates:
    """Share of the chosen tickers of each date that was not chosen h dates before."""
    grid = np.zeros((int(row.max(initial=-1)) + 1, int(part.ticker.max(initial=-1)) + 1), bool)
    grid[row[chosen], part.ticker[chosen]] = True
    changed = np.full(len(grid), np.nan)
    kept = (grid[part.horizon :] & grid[: -part.horizon]).sum(axis=1)
    held = grid[part.horizon :].sum(axis=1)
    changed[part.horizon :] = 1 - kept / np.where(held > 0, held, np.nan)
    return changed
