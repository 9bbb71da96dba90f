"""Proper scores and calibration of forecasts, cell by cell, then date by date.

A cell is one (ticker, origin bar) at one horizon. Means are taken over the tickers of a date first
and over dates second: tickers of one day share their shocks, days hardly do.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.evaluation.scores.quantiles import quantiles
from forecasting.forecast.law import Law

Cells = Float[np.ndarray, " cell"]

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Central intervals whose coverage and width are reported."""

PINBALL_LEVELS = tuple(k / 20 for k in range(1, 20))
"""Quantiles whose mean pinball loss is reported: 5, 10 ... 95 %."""

_WIS_LEVELS = (*((1 - p) / 2 for p in LEVELS), 0.5, *((1 + p) / 2 for p in LEVELS))
_QUANTILE_LEVELS = tuple(sorted({round(level, 12) for level in (*PINBALL_LEVELS, *_WIS_LEVELS)}))


def score_cells(returns: Cells, law: Law) -> pd.DataFrame:
    """Score the forecast of every cell against what happened.

    Args:
        returns: Log return over the next h bars, decimal, known h bars after the origin.
        law: The forecast of each cell, decimal, known at the origin.

    Returns:
        One row a cell, NaN where an input is NaN: `nll` (negative log likelihood, nats), `crps`,
        `wis` and `pinball` (decimal log return), `pit` (probability that was given to an outcome at
        or below this one), and for each of the central 50, 80, 90 and 95 % intervals `cover50` ...
        (1 inside, 0 outside) and `width50` ... (decimal log return).

        `pinball` is the mean of (y - q)(p - 1{y < q}) over the quantiles q at `PINBALL_LEVELS`.
        `wis` is the weighted interval score of the median m and the K intervals of `LEVELS`,

            (|y - m| / 2 + sum_k a_k / 2 IS_k) / (K + 1/2),
            IS_k = width + 2 / a_k * (distance of y from the interval), a_k = 1 - level,

        which equals twice the mean pinball loss at the 2K + 1 quantiles that they consist of.

    Sources: Gneiting & Raftery (2007), Strictly Proper Scoring Rules, Journal of the American
    Statistical Association 102(477); Bracher, Ray, Gneiting & Reich (2021), Evaluating epidemic
    forecasts in an interval format, PLOS Computational Biology 17(2).
    """
    pit = law.distribution(returns)
    values = quantiles(law, _QUANTILE_LEVELS)
    loss = pinball_loss(returns, values, np.array(_QUANTILE_LEVELS))
    scores = {
        "nll": -law.log_density(returns),
        "crps": law.crps(returns),
        "wis": 2 * loss[:, _places(_WIS_LEVELS)].mean(axis=1),
        "pinball": loss[:, _places(PINBALL_LEVELS)].mean(axis=1),
        "pit": pit,
    }
    for level in LEVELS:
        scores[f"cover{level:.0%}"[:-1]] = covered(pit, level)
    for level in LEVELS:
        low, high = _places(((1 - level) / 2, (1 + level) / 2))
        scores[f"width{level:.0%}"[:-1]] = values[:, high] - values[:, low]
    frame = pd.DataFrame(scores)
    frame.loc[~np.isfinite(pit)] = np.nan
    return frame


def covered(pit: Cells, level: float) -> Cells:
    """Whether the outcome fell into the central interval: 1, 0, or NaN where the PIT is NaN."""
    inside = (np.abs(pit - 0.5) <= level / 2).astype(float)
    return np.where(np.isnan(pit), np.nan, inside)


def pinball_loss(
    y: Cells, values: Float[np.ndarray, "cell level"], levels: Float[np.ndarray, " level"]
) -> Float[np.ndarray, "cell level"]:
    """Loss of each quantile, (y - q)(p - 1{y < q}), in the unit of `y`; never negative."""
    above = y[:, None] - values
    return np.maximum(levels * above, (levels - 1) * above)


def _places(levels: tuple[float, ...]) -> list[int]:
    """Where levels stand among those that are computed."""
    return [_QUANTILE_LEVELS.index(round(level, 12)) for level in levels]
