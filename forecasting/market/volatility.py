"""Causal volatility and range variance: the units in which everything else is measured."""

import numpy as np
from jaxtyping import Float
from scipy import signal

Series = Float[np.ndarray, " bar"]

WARM_UP = 21


def ewma_volatility(log_return: Series, decay: float) -> Series:
    """Exponentially weighted volatility of one bar, known at the close of each bar.

    v_t = decay * v_{t-1} + (1 - decay) * r_t^2, started with the mean of the first `WARM_UP`
    squared returns; the volatility is sqrt(v_t).

    Args:
        log_return: Decimal log return of each bar; the first one is NaN.
        decay: Weight of the past, in (0, 1); 0.94 is RiskMetrics' daily choice.

    Returns:
        Decimal volatility of one bar; NaN during warm-up, and where no price has moved for so long
        that the volatility underflows `1e-6`: there is nothing to scale by.

    Source: J.P. Morgan/Reuters (1996), RiskMetrics Technical Document, section 5.2.
    """
    variance = np.full(len(log_return), np.nan)
    if len(log_return) > WARM_UP:
        square = log_return[1:] ** 2
        seed = square[:WARM_UP].mean()
        rest, _ = signal.lfilter(
            [1 - decay], [1, -decay], square[WARM_UP:], zi=np.array([decay * seed])
        )
        variance[WARM_UP] = seed
        variance[WARM_UP + 1 :] = rest
    volatility = np.sqrt(variance)
    volatility[volatility < 1e-6] = np.nan
    return volatility


def range_variance(open_: Series, high: Series, low: Series, previous_close: Series) -> Series:
    """Variance of one bar from its range and its overnight gap, decimal squared.

    log(high / low)^2 / (4 ln 2) + log(open / previous_close)^2, all on one price basis.

    Source: Parkinson (1980), The Extreme Value Method for Estimating the Variance of the Rate of
    Return, Journal of Business 53(1); the gap term as in Garman & Klass (1980).
    """
    return np.log(high / low) ** 2 / (4 * np.log(2)) + np.log(open_ / previous_close) ** 2


def trailing_mean(values: Series, length: int) -> Series:
    """Mean of the last `length` values, this bar included; NaN until there are that many.

    Each window is summed by itself, so that a bar's mean depends on nothing outside its window.
    """
    out = np.full(len(values), np.nan)
    if len(values) >= length:
        windows = np.lib.stride_tricks.sliding_window_view(values, length)
        out[length - 1 :] = windows.mean(axis=1)
    return out
