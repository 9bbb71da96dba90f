"""Three markets of one idea each: nothing to find, a volatility to find, a mean to find.

A law takes the shocks of all days and says what the returns are; see `Truth` for the formula. The
typical volatility of one day is `DAILY` = 0.015.
"""

import numpy as np

from forecasting.market.simulation.shocks import Shocks
from forecasting.market.simulation.truth import Grid, Truth

SIGNAL_IC = 0.05
"""Correlation between today's reversed return and tomorrow's return in the `signal` market."""
FREEDOM = 5.0
"""Degrees of freedom of the random walk's returns."""
DAILY = 0.015
"""Typical standard deviation of one day's log return, decimal."""


def random_walk(rng: np.random.Generator, shocks: Shocks) -> Truth:
    """A martingale in logs without memory: nothing can be learnt.

    v_t = 0.015 * sqrt(w_t) with w_t inverse-gamma of mean 1, drawn afresh for each bar, so that
    r_t = v_t e_t is exactly Student-t with `FREEDOM` degrees of freedom and standard deviation
    0.015. The range of a bar tells w_t, which says nothing about the next bar: location 0 and
    volatility 0.015 are the best forecast. An EWMA, which follows the noise, is worse than that.

    Source: Andrews & Mallows (1974), Scale mixtures of normal distributions, JRSS B 36(1).
    """
    shape = shocks.own.shape
    weight = (FREEDOM - 2) / rng.chisquare(FREEDOM, shape)
    return Truth(np.zeros(shape), DAILY * np.sqrt(weight), np.broadcast_to(DAILY, shape))


def stochastic_volatility(rng: np.random.Generator, shocks: Shocks) -> Truth:
    """Clustered volatility, half of it shared by all tickers; no mean to find.

    log v_t = log 0.015 + m_t + i_t, both AR(1) with coefficient 0.95 and standard deviation 0.5,
    m_t shared, i_t the ticker's own; r_t = v_t e_t. Ranges and the other tickers show v_t far
    better than one squared return does, and it reverts to its mean, which an EWMA does not know: a
    forecaster that uses either beats the EWMA.

    Source: Taylor (1986), Modelling Financial Time Series, chapter 3.
    """
    n_bars, n_tickers = shocks.own.shape
    coefficient, deviation = 0.95, 0.5
    shared = autoregression(rng.normal(size=(n_bars, 1)), coefficient, deviation)
    own = autoregression(rng.normal(size=(n_bars, n_tickers)), coefficient, deviation)
    level = shared + own
    # E[exp(2x)] = exp(2 mean + 2 variance) for Gaussian x; two components of equal variance.
    expected = np.full_like(level, 2 * deviation**2)
    expected[1:] = coefficient * level[:-1] + 2 * (1 - coefficient**2) * deviation**2
    np.exp(expected, out=expected)
    return Truth(np.zeros((n_bars, n_tickers)), DAILY * np.exp(level), DAILY * expected)


def reversal_signal(rng: np.random.Generator, shocks: Shocks) -> Truth:
    """Constant volatility and a known reversal: a mean to find, no volatility.

    r_t = -IC r_{t-1} + 0.015 sqrt(1 - IC^2) e_t. IC = `SIGNAL_IC` is then the correlation of
    -r_{t-1} with r_t, over time and across tickers.
    """
    shock = shocks.own
    volatility = np.full_like(shock, DAILY * np.sqrt(1 - SIGNAL_IC**2))
    location = np.zeros_like(shock)
    for t in range(1, len(shock)):
        location[t] = -SIGNAL_IC * (location[t - 1] + volatility[t - 1] * shock[t - 1])
    return Truth(location, volatility, volatility)


def autoregression(noise: Grid, coefficient: float, deviation: float) -> Grid:
    """Stationary AR(1) driven by standard Gaussian noise, with this standard deviation."""
    level = deviation * noise
    for t in range(1, len(level)):
        fresh = np.sqrt(1 - coefficient**2) * deviation * noise[t]
        level[t] = coefficient * level[t - 1] + fresh
    return level
