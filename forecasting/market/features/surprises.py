"""How eventful bars were: against the month before them, and the most eventful of a few."""

import numpy as np
from jaxtyping import Float

from forecasting.market.features.bars import Series
from forecasting.market.features.sliding import sliding_max, sliding_sum

# Keeps the logarithm finite on a bar that did not move; one hundredth of the usual variance.
FLOOR = 0.01

MONTH = 22
# As where there is no volatility: no price has moved for so long that there is nothing usual.
_STILL = 1e-12


def log_surprise(variance: Series) -> Series:
    """log(variance / mean of the 22 bars before + floor).

    NaN where one of these bars is missing, or nothing has moved in them.
    """
    usual = sliding_sum(variance[..., :-1], MONTH) / MONTH
    today = variance[..., MONTH:]
    return _at_the_end(np.where(usual > _STILL, np.log(today / usual + FLOOR), np.nan), variance)


def largest_of(surprises: Series, length: int) -> Series:
    """The largest of the last `length` bars; NaN where one of them is missing."""
    return _at_the_end(sliding_max(surprises, length), surprises)


def _at_the_end(values: Float[np.ndarray, "*ticker known"], of: Series) -> Series:
    """Values of the last of as many bars; the ones before have none."""
    n_unknown = of.shape[-1] - values.shape[-1]
    return np.concatenate([np.full((*of.shape[:-1], n_unknown), np.nan), values], axis=-1)
