"""Statistics of an equity curve: one pure function each, with its formula and its unit.

Every function takes one curve, or many side by side as (bar, configuration), and answers with one
number a curve. Returns are simple returns of equity over one bar, decimal; where idle cash yields
nothing, as by default, they are excess returns over cash. "A year" is `bars_per_year` bars. What is
not defined is NaN.
"""

import math

import numpy as np
from jaxtyping import Float

Returns = Float[np.ndarray, "bar *configuration"]
Equity = Float[np.ndarray, "time *configuration"]
Statistic = float | Float[np.ndarray, " configuration"]
Number = np.ndarray | np.generic | float | int

LEAST_BARS = 20
"""Returns below which nothing is said of a year or of a distribution."""


def total_return(equity: Equity) -> Statistic:
    """E_T / E_0 - 1, decimal."""
    return equity[-1] / equity[0] - 1


def cagr(equity: Equity, bars_per_year: float | int) -> Statistic:
    """Compound annual growth rate (E_T / E_0)^(bars_per_year / T) - 1, decimal; -1 after ruin."""
    grown = np.maximum(equity[-1] / equity[0], 0.0)
    return grown ** (bars_per_year / (len(equity) - 1)) - 1


def annual_volatility(returns: Returns, bars_per_year: float | int) -> Statistic:
    """sqrt(bars_per_year) times the standard deviation (over n - 1) of returns, decimal a year."""
    n = len(returns)
    variance = ratio(_central_moment(returns, 2) * n, np.full(returns.shape[1:], n - 1))
    return np.sqrt(variance * bars_per_year)


def sharpe(returns: Returns, bars_per_year: float | int) -> Statistic:
    """sqrt(bars_per_year) * mean / sample standard deviation; no unit, a year.

    Source: Sharpe (1994), The Sharpe ratio, Journal of Portfolio Management 21(1).
    """
    return ratio(returns.mean(axis=0) * bars_per_year, annual_volatility(returns, bars_per_year))


def sharpe_error(returns: Returns, bars_per_year: float | int) -> Statistic:
    """Standard error of `sharpe`, in its unit: independent returns, of any skew and kurtosis.

    sqrt(bars_per_year) * sqrt((1 - g3 SR + (g4 - 1) / 4 SR^2) / (n - 1)) with the Sharpe ratio SR a
    bar, the skew g3 and the raw kurtosis g4. With the normal's g3 = 0 and g4 = 3 it is the
    sqrt((1 + SR^2 / 2) / n) of Lo (2002), The statistics of Sharpe ratios, Financial Analysts
    Journal 58(4).

    Source: Mertens (2002), Comments on variance of the IID estimator in Lo (2002); with n - 1 as
    in Bailey & Lopez de Prado (2012), The Sharpe ratio efficient frontier, Journal of Risk 15(2).
    """
    per_bar, g3, g4 = sharpe(returns, 1), skew(returns), excess_kurtosis(returns) + 3
    variance = (1 - g3 * per_bar + (g4 - 1) / 4 * per_bar**2) / (len(returns) - 1)
    return np.sqrt(variance * bars_per_year)


def sortino(returns: Returns, bars_per_year: float | int) -> Statistic:
    """sqrt(bars_per_year) * mean / sqrt(mean(min(r, 0)^2)); no unit, a year, target 0.

    Source: Sortino & Price (1994), Performance measurement in a downside risk framework, Journal
    of Investing 3(3).
    """
    downside = np.sqrt((np.minimum(returns, 0) ** 2).mean(axis=0))
    return ratio(returns.mean(axis=0) * math.sqrt(bars_per_year), downside)


def drawdowns(equity: Equity) -> Equity:
    """E_t / max(E_0 .. E_t) - 1 at each close: decimal, 0 at a high, else negative."""
    return equity / np.maximum.accumulate(equity) - 1


def max_drawdown(equity: Equity) -> Statistic:
    """Deepest drawdown, min of `drawdowns`: decimal, not positive."""
    return drawdowns(equity).min(axis=0)


def longest_drawdown(equity: Equity) -> Statistic:
    """Most consecutive closes below an earlier high, in bars."""
    below = equity < np.maximum.accumulate(equity)
    bars = np.arange(len(equity), dtype=float).reshape(-1, *(1,) * (equity.ndim - 1))
    last_high = np.maximum.accumulate(np.where(below, 0.0, bars))
    return (bars - last_high).max(axis=0)


def calmar(equity: Equity, bars_per_year: float | int) -> Statistic:
    """CAGR over the depth of the deepest drawdown; no unit, a year.

    Source: Young (1991), Calmar ratio: a smoother tool, Futures 20(1); over the whole span instead
    of its last 36 months.
    """
    return ratio(cagr(equity, bars_per_year), -max_drawdown(equity))


def hit_rate(returns: Returns) -> Statistic:
    """Share of bars with a gain among the bars with a gain or a loss."""
    return ratio((returns > 0).sum(axis=0), (returns != 0).sum(axis=0))


def skew(returns: Returns) -> Statistic:
    """m3 / m2^(3/2) with the central moments m over n; no unit, 0 for a symmetric law."""
    return ratio(_central_moment(returns, 3), _central_moment(returns, 2) ** 1.5)


def excess_kurtosis(returns: Returns) -> Statistic:
    """m4 / m2^2 - 3 with the central moments m over n; no unit, 0 for a normal law."""
    return ratio(_central_moment(returns, 4), _central_moment(returns, 2) ** 2) - 3


def tail_ratio(returns: Returns) -> Statistic:
    """|95 % quantile| / |5 % quantile| of returns: above 1 the good tail is the longer one."""
    low, high = np.quantile(returns, (0.05, 0.95), axis=0)
    return ratio(np.abs(high), np.abs(low))


def ratio(above: Number, below: Number) -> Statistic:
    """The quotient, NaN where the divisor is not positive."""
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)[()]


def _central_moment(returns: Returns, order: int) -> np.ndarray:
    """Mean of the centred returns to a power; 0 where they are constant up to rounding."""
    centred = returns - returns.mean(axis=0)
    square = centred * centred
    constant = square.mean(axis=0) <= (1e-14 * returns[0]) ** 2
    power = square if order == 2 else square * (centred if order == 3 else square)
    return np.where(constant, 0.0, power.mean(axis=0))
