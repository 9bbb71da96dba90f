"""Which forecasters may be the best: the model confidence set.

Source: Hansen, Lunde & Nason (2011), The Model Confidence Set, Econometrica 79(2).
"""

from collections.abc import Mapping

import numpy as np
from arch.bootstrap import MCS
from jaxtyping import Float

from forecasting.evaluation.comparison.blocks import (
    REPETITIONS,
    block_length,
    draw_error,
    varies,
)
from forecasting.forecast.significance import least_dates, standard_error

SIZE = 0.10
"""Chance that the best forecaster is not in the set."""


def confidence_set(
    losses: Mapping[str, Float[np.ndarray, " date"]], horizon: int, *, seed: int = 0
) -> tuple[str, ...] | None:
    """The forecasters that are not significantly worse than the best, at 10 %.

    The worst is taken out while the range of the studentised pairwise differences is more than luck
    (the range statistic T_R, stationary bootstrap). Deviations of the losses from their means are
    stretched by the median ratio, over the forecasters, of the Newey-West to the draw error.
    Forecasters whose losses differ by nothing but a constant cannot be told apart by a test; the
    first of them speaks for all.

    Args:
        losses: Forecaster to its loss on each date, averaged over tickers; consecutive dates,
            ascending, finite, the same for all.
        horizon: Bars ahead of the forecasts.
        seed: Of the draws.

    Returns:
        Names in the order given; None with fewer than `least_dates`.
    """
    names = list(losses)
    table = np.column_stack([losses[name] for name in names])
    if len(table) < least_dates(horizon):
        return None
    speaker = [_first_like(table, k) for k in range(len(names))]
    distinct = sorted(set(speaker))
    if len(distinct) == 1:
        return tuple(names)
    differences = table[:, distinct[1:]] - table[:, distinct[:1]]
    length = block_length(differences, horizon)
    stretch = np.median([standard_error(d, horizon) / draw_error(d, length) for d in differences.T])
    means = table[:, distinct].mean(axis=0)
    stretched = means + stretch * (table[:, distinct] - means)
    test = MCS(stretched, SIZE, reps=REPETITIONS, block_size=length, seed=seed)
    test.compute()
    included = {distinct[int(column)] for column in test.included}
    return tuple(name for name, k in zip(names, speaker, strict=True) if k in included)


def _first_like(table: Float[np.ndarray, "date forecaster"], k: int) -> int:
    """The first column from which column k differs by nothing but a constant."""
    return next(j for j in range(k + 1) if not varies(table[:, j] - table[:, k]))
