"""Fractional Kelly: the bet that the whole predictive law, not its first two moments, asks for."""

import numpy as np
from jaxtyping import Float

from forecasting.backtest.strategies.remembered import remembered
from forecasting.backtest.strategies.scores import horizon_index
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast

TAIL = 0.001
"""Probability at which both tails of a law are cut: what lies beyond counts as that quantile."""
# Integrals over the probability p = 3 u^2 - 2 u^3, which puts nodes where the tails are: 16 of them
# give the variance of a t with 4 degrees of freedom and more to 0.1 %, before the tails are cut.
_POINTS, _MASSES = np.polynomial.legendre.leggauss(16)
_U = (_POINTS + 1) / 2
_PROBABILITIES = np.clip(_U**2 * (3 - 2 * _U), TAIL, 1 - TAIL)
_WEIGHTS = _MASSES * 3 * _U * (1 - _U)
_HALVINGS = 40
_CELLS = 4_096
# A short position is ruined by a return of 1 / fraction; it stays this far from it.
_SOLVENT = 0.999


def kelly(
    forecast: Forecast,
    *,
    horizon: int = 5,
    fraction: float = 0.25,
    max_weight: float = 0.1,
    max_leverage: float = 1.0,
    short: bool = False,
) -> Float[np.ndarray, "time ticker"]:
    """A fraction of the growth-optimal weight of each ticker under its predictive law.

    For a log return r the growth-optimal weight f maximises E log(1 + f (e^r - 1)), 0 <= f <= 1, or
    -1 <= f <= 1 with `short`. The weight is `fraction` times f, cut to `max_weight`; where all of
    them add up to more than `max_leverage` they are scaled down to it in proportion.

    Each f is found as if the ticker were the only one and its return independent of all others.
    Returns of stocks are not, so a bar's weights together are bolder than Kelly's for the
    portfolio: that is what `fraction` and the two caps are for. A log return of mean zero has a
    positive simple return, half its variance, and asks for f near 1/2.

    The law's tails are cut at `TAIL`: E e^r is infinite under a Student-t, however narrow, and its
    fit says nothing of returns that rare.

    Args:
        forecast: What is known at each close.
        horizon: Which of the forecast's horizons is bet on, in bars.
        fraction: Of the growth-optimal weight, above 0 up to 1.
        max_weight: Largest weight of one ticker, share of equity.
        max_leverage: Largest gross exposure, share of equity.
        short: Whether a ticker may be sold short.

    Raises:
        ConfigError: A parameter lies outside its range, or the forecast has no such horizon.

    Source: Kelly (1956), A new interpretation of information rate, Bell System Technical Journal
    35(4); the fraction: MacLean, Thorp & Ziemba (2010), Long-term capital growth: the good and bad
    properties of the Kelly and fractional Kelly capital growth criteria, Quantitative Finance
    10(7).
    """
    for name, value, most in (
        ("fraction", fraction, 1),
        ("max_weight", max_weight, 1),
        ("max_leverage", max_leverage, 10),
    ):
        if not 0 < value <= most:
            raise ConfigError(f"{name} = {value:g}: expected above 0, at most {most}. Correct it.")
    weights = np.clip(fraction * growth_optimal(forecast, horizon, short), -max_weight, max_weight)
    gross = np.abs(weights).sum(axis=1, keepdims=True)
    return weights * np.divide(
        max_leverage, gross, out=np.ones_like(gross), where=gross > max_leverage
    )


@remembered
def growth_optimal(
    forecast: Forecast, horizon: int, short: bool
) -> Float[np.ndarray, "time ticker"]:
    """Argmax of E log(1 + f (e^r - 1)) over 0 <= f <= 1 (-1 <= f with `short`); 0 without forecast.

    Raises:
        ConfigError: The forecast has no such horizon.
    """
    column = horizon_index(forecast, horizon)
    weights = np.zeros(forecast.mask.shape)
    rows, columns = np.nonzero(forecast.mask)
    for first in range(0, len(rows), _CELLS):
        cells = rows[first : first + _CELLS], columns[first : first + _CELLS]
        law = forecast.law[(*cells, column)]
        simple = np.expm1(np.stack([law.quantile(float(level)) for level in _PROBABILITIES]))
        weights[cells] = best_fraction(simple, short)
    weights.flags.writeable = False
    return weights


def best_fraction(
    simple: Float[np.ndarray, "node cell"], short: bool
) -> Float[np.ndarray, " cell"]:
    """The root in f of E[x / (1 + f x)], which falls in f, by bisection; else the nearer end.

    Args:
        simple: Returns x above -1 at the nodes of each cell's law.
        short: Whether f may be negative, down to -1 and to what the largest return leaves solvent.
    """

    def slope(fraction: np.ndarray) -> np.ndarray:
        return np.einsum("n,nc->c", _WEIGHTS, simple / (1 + fraction * simple))

    high = np.ones(simple.shape[1])
    low = (
        -np.minimum(1.0, _SOLVENT / np.maximum(simple.max(axis=0), _SOLVENT)) if short else 0 * high
    )
    rises, falls = slope(high) >= 0, slope(low) <= 0
    ends = np.where(rises, high, low)
    inside = ~(rises | falls)
    simple, low, high = simple[:, inside], low[inside], high[inside]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = slope(middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    ends[inside] = (low + high) / 2
    return ends
