"""Drawing dates in blocks: how long they have to be, and how far the draws fall short.

The stationary bootstrap (Politis & Romano 1994) draws blocks of random length, so that dates which
depend on each other stay together. Forecasts over 21 bars share 20 of them with their neighbours:
a span has few such blocks, their draws vary too little, and the tests built on them reject a true
null in a fifth to a third of simulated spans. So what is drawn is stretched to the Newey-West error
of the Diebold-Mariano test (`significance.standard_error`), which holds its level there.
"""

import math

import numpy as np
from arch.bootstrap import optimal_block_length
from jaxtyping import Float

Dates = Float[np.ndarray, " date"]

REPETITIONS = 999
"""Draws of each bootstrap: p-values are multiples of 1 / 999."""


def varies(values: Dates) -> bool:
    """Whether a series varies beyond rounding; one that does not has no variance to test with."""
    return bool(np.ptp(values) > 1e-12 * np.abs(values).max())


def block_length(differences: Float[np.ndarray, "date column"], horizon: int) -> int:
    """Mean block length of the stationary bootstrap, in dates.

    The longest of the columns' optimal lengths, at least the `horizon`, at most a third of the
    dates.

    Args:
        differences: Loss differences, each of which varies.
        horizon: Bars ahead of the forecasts.

    Source: Politis & White (2004), Automatic Block-Length Selection for the Dependent Bootstrap,
    Econometric Reviews 23(1), with the correction of Patton, Politis & White (2009), ibid. 28(4).
    """
    optimal = float(optimal_block_length(differences)["stationary"].max())
    return min(max(math.ceil(optimal), horizon), len(differences) // 3)


def draw_error(values: Dates, length: int) -> float:
    """Standard deviation of the mean of `values` over draws with this mean block length.

    sqrt((g_0 + 2 sum_i k_i g_i) / n) with the autocovariances g_i and the weights
    k_i = (1 - i/n) (1 - 1/length)^i + i/n (1 - 1/length)^(n - i).

    Source: Politis & Romano (1994), The Stationary Bootstrap, JASA 89(428), lemma 1.
    """
    n, centred = len(values), values - values.mean()
    lag, stay = np.arange(1, n), 1 - 1 / length
    weight = (1 - lag / n) * stay**lag + lag / n * stay ** (n - lag)
    # Zeros to twice the length keep the circular correlation of the transform from wrapping round.
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    covariance = np.fft.irfft(spectrum)[:n] / n
    return float(np.sqrt((covariance[0] + 2 * weight @ covariance[1:]) / n))
