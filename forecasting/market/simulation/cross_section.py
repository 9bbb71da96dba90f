"""A market with a cross-sectional signal of a stated information coefficient."""

import numpy as np
from scipy.optimize import brentq

from forecasting.market.simulation.laws import DAILY, SIGNAL_IC
from forecasting.market.simulation.shocks import Shocks
from forecasting.market.simulation.truth import Truth

LOG_VOLUME, LOG_VOLUME_SPREAD = 13.0, 0.4
"""Mean and standard deviation of a day's log share volume."""


def cross_section(rng: np.random.Generator, shocks: Shocks, ic: float = SIGNAL_IC) -> Truth:
    """Volume tells which tickers do better than the others on the next day, and nothing else.

        volume_it = exp(13 + 0.4 x_it),  x_it standard Gaussian, fresh every day
        r_it = rho s (x_i,t-1 - mean_j x_j,t-1) + s sqrt(1 - rho^2) e_it + s z_t
        s = 0.015 / sqrt(2)

    with the market's shock z_t shared by all (every beta is 1). The signal is the column `volume`
    of the day before; expected returns of one day sum to zero over the tickers, so that who
    follows them is market-neutral. rho is chosen so that the daily rank correlation of x_{t-1}
    with r_t has the expectation `ic` exactly, whatever the number of tickers n (Moran's formula
    for a Gaussian pair, which neither the demeaning nor the market's shock changes):

        E[rank IC] = 6 / (pi (n + 1)) (asin rho + (n - 2) asin(rho / 2))

    The oracle's daily Pearson IC is rho. Volatility is constant: all of a forecaster's gain over
    the EWMA's mean is the signal.

    Source: Moran (1948), Rank correlation and product-moment correlation, Biometrika 35.
    """
    n_bars, n_tickers = shocks.own.shape
    rho = gaussian_correlation(ic, n_tickers)
    scale = DAILY / np.sqrt(2)
    signal = rng.normal(size=(n_bars, n_tickers))
    location = np.zeros_like(signal)
    location[1:] = rho * scale * (signal[:-1] - signal[:-1].mean(axis=1, keepdims=True))
    own, market = scale * np.sqrt(1 - rho**2), scale
    return Truth(
        location,
        np.broadcast_to(own, signal.shape),
        np.broadcast_to(np.hypot(own, market), signal.shape),
        np.broadcast_to(market, signal.shape),
        beta=np.ones(n_tickers),
        signal=signal,
    )


def gaussian_correlation(ic: float, n_tickers: int) -> float:
    """Correlation of a Gaussian pair whose rank correlation over n tickers has the mean `ic`."""

    def excess(rho: float) -> float:
        angles = np.arcsin(rho) + (n_tickers - 2) * np.arcsin(rho / 2)
        return float(6 / (np.pi * (n_tickers + 1)) * angles - ic)

    return float(brentq(excess, 0.0, 1.0, xtol=1e-15))
