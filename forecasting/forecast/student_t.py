"""Closed forms of the Student-t law with location, scale and degrees of freedom.

All functions broadcast. With standardised x = (y - loc) / scale, f and F are the density and
distribution function of the standard t with `df` degrees of freedom.
"""

import numpy as np
from jaxtyping import Float
from scipy import special

Array = Float[np.ndarray, "..."]


def log_density(y: Array, loc: Array, scale: Array, df: Array) -> Array:
    """Log density at `y`; its negative is the log score (nats, if `y` is a log return)."""
    x = (y - loc) / scale
    return (
        special.gammaln((df + 1) / 2)
        - special.gammaln(df / 2)
        - 0.5 * np.log(np.pi * df)
        - np.log(scale)
        - (df + 1) / 2 * np.log1p(x**2 / df)
    )


def distribution(y: Array, loc: Array, scale: Array, df: Array) -> Array:
    """Probability of an outcome at or below `y`."""
    return special.stdtr(df, (y - loc) / scale)


def quantile(level: float | Array, loc: Array, scale: Array, df: Array) -> Array:
    """The value that the outcome stays below with probability `level`."""
    return loc + scale * special.stdtrit(df, level)


def standard_deviation(scale: Array, df: Array) -> Array:
    """Standard deviation, scale * sqrt(df / (df - 2)); infinite for df <= 2."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(df > 2, scale * np.sqrt(df / (df - 2)), np.inf * np.sign(scale))


def crps(y: Array, loc: Array, scale: Array, df: Array) -> Array:
    """Continuous ranked probability score, in the unit of `y`; smaller is better, needs df > 1.

    CRPS = scale * { x (2 F(x) - 1) + 2 f(x) (df + x^2)/(df - 1)
                     - 2 sqrt(df)/(df - 1) * B(1/2, df - 1/2) / B(1/2, df/2)^2 }.

    Source: Jordan, Krueger & Lerch (2019), Evaluating probabilistic forecasts with scoringRules,
    Journal of Statistical Software 90(12), appendix A.
    """
    x = (y - loc) / scale
    one = np.ones_like(x)
    density = np.exp(log_density(x, 0 * one, one, df))
    spread = special.beta(0.5, df - 0.5) / special.beta(0.5, df / 2) ** 2
    return scale * (
        x * (2 * special.stdtr(df, x) - 1)
        + 2 * density * (df + x**2) / (df - 1)
        - 2 * np.sqrt(df) / (df - 1) * spread
    )


def expected_shortfall(level: float, loc: Array, scale: Array, df: Array) -> Array:
    """Mean outcome in the worst `level` share of cases, needs df > 1.

    ES = loc - scale * f(q) / level * (df + q^2) / (df - 1) with q the standard quantile.

    Source: McNeil, Frey & Embrechts (2015), Quantitative Risk Management, example 2.15.
    """
    q = special.stdtrit(df, level)
    density = np.exp(log_density(q, np.zeros_like(q), np.ones_like(q), df))
    return loc - scale * density / level * (df + q**2) / (df - 1)
