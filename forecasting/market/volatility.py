"""Causal volatility and range variance: the units in which everything else is measured."""

import numpy as np
from jaxtyping import Float
from scipy import signal

Series = Float[np.ndarray, " bar"]

WARM_UP = 21


def ewma_volatility(log_return: Series, decay: float) -> Series:
    """Exponentially weighted volatility of one bar, known at the close of each bar.

    Args:
        log_return: Decimal log return of each bar; the first one is NaN.
        decay: Weight of the past, in (0, 1); 0.94 is RiskMetrics' daily choice.

    Returns:
        `known_volatility` of `ewma_variance`.
    """
    return known_volatility(ewma_variance(log_return, decay))


def ewma_variance(log_return: Series, decay: float) -> Series:
    """Exponentially weighted variance of one bar, decimal squared; NaN during warm-up.

    v_t = decay * v_{t-1} + (1 - decay) * r_t^2, started with the mean of the first `WARM_UP`
    squared returns.

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
    return variance


def advance_variance(
    variance: Float[np.ndarray, " ticker"],
    squared_returns: Float[np.ndarray, "ticker bar"],
    decay: float,
) -> Float[np.ndarray, " ticker"]:
    """`ewma_variance` of one more bar of many tickers.

    Args:
        variance: Of the bar before; NaN during warm-up.
        squared_returns: The newest `WARM_UP` bars or more, the one more included; NaN before a
            ticker's first return.
        decay: Weight of the past.
    """
    seed = squared_returns[:, -WARM_UP:].mean(axis=1)
    following = decay * variance + (1 - decay) * squared_returns[:, -1]
    return np.where(np.isnan(variance), seed, following)


def known_volatility(variance: Series) -> Series:
    """Square root of a variance; NaN below `1e-6`, where no price has moved for so long.

    There is nothing to scale by then.
    """
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
