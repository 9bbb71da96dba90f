"""Statistics of a simulated account: one pure function each, with its formula and its unit.

Returns are simple returns of equity over one bar, decimal; cash yields 0, so they are excess
returns over cash. "A year" is `bars_per_year` bars. What cannot be computed is NaN.
"""

import math

import numpy as np
from jaxtyping import Float

from forecasting.backtest.engine import Ledger

Returns = Float[np.ndarray, " bar"]
Equity = Float[np.ndarray, " time"]

LEAST_BARS = 20
"""Bars below which nothing is said of a year."""
_OF_A_YEAR = ("cagr", "volatility", "sharpe", "sortino", "turnover", "cost_share")


def total_return(equity: Equity) -> float:
    """E_T / E_0 - 1, decimal."""
    return float(equity[-1] / equity[0] - 1)


def cagr(equity: Equity, bars_per_year: float) -> float:
    """Compound annual growth rate (E_T / E_0)^(bars_per_year / T) - 1, decimal; -1 after ruin."""
    if equity[-1] <= 0:
        return -1.0
    return float((equity[-1] / equity[0]) ** (bars_per_year / (len(equity) - 1)) - 1)


def annual_volatility(returns: Returns, bars_per_year: float) -> float:
    """sqrt(bars_per_year) times the standard deviation (over n - 1) of returns, decimal a year."""
    return float(returns.std(ddof=1) * math.sqrt(bars_per_year)) if len(returns) > 1 else math.nan


def sharpe(returns: Returns, bars_per_year: float) -> float:
    """sqrt(bars_per_year) * mean / sample standard deviation; no unit, a year, cash yields 0.

    Source: Sharpe (1994), The Sharpe ratio, Journal of Portfolio Management 21(1).
    """
    spread = annual_volatility(returns, bars_per_year)
    return float(returns.mean() * bars_per_year / spread) if spread > 0 else math.nan


def sortino(returns: Returns, bars_per_year: float) -> float:
    """sqrt(bars_per_year) * mean / sqrt(mean(min(r, 0)^2)); no unit, a year, target 0.

    Source: Sortino & Price (1994), Performance measurement in a downside risk framework, Journal
    of Investing 3(3).
    """
    downside = math.sqrt(float((np.minimum(returns, 0) ** 2).mean()))
    return float(returns.mean() * math.sqrt(bars_per_year) / downside) if downside > 0 else math.nan


def drawdowns(equity: Equity) -> Equity:
    """E_t / max(E_0 .. E_t) - 1 at each close: decimal, 0 at a high, else negative."""
    return equity / np.maximum.accumulate(equity) - 1


def max_drawdown(equity: Equity) -> float:
    """Deepest drawdown, min of `drawdowns`: decimal, not positive."""
    return float(drawdowns(equity).min())


def longest_drawdown(equity: Equity) -> int:
    """Most consecutive closes below an earlier high, in bars."""
    longest = current = 0
    for below in drawdowns(equity) < 0:
        current = current + 1 if below else 0
        longest = max(longest, current)
    return longest


def turnover(ledger: Ledger, bars_per_year: float) -> float:
    """Mean over bars of sum |trade| / equity at the close before, times bars_per_year.

    Times a year; buys and sells both count, so exchanging the whole portfolio once is 2.
    """
    return _per_equity(np.abs(ledger.trades).sum(axis=1), ledger) * bars_per_year


def cost_share(ledger: Ledger, bars_per_year: float) -> float:
    """Mean over bars of costs / equity at the close before, times bars_per_year: decimal a year."""
    return _per_equity(ledger.costs, ledger) * bars_per_year


def gross_exposure(ledger: Ledger) -> float:
    """Mean over closes, but the first, of the sum of absolute weights; share of equity."""
    return float(np.abs(ledger.weights[1:]).sum(axis=1).mean())


def net_exposure(ledger: Ledger) -> float:
    """Mean over closes, but the first, of the sum of signed weights; share of equity."""
    return float(ledger.weights[1:].sum(axis=1).mean())


def hit_rate(returns: Returns) -> float:
    """Share of bars with a gain among the bars with a gain or a loss."""
    moved = returns != 0
    return float((returns > 0).sum() / moved.sum()) if moved.any() else math.nan


def break_even_bps(ledger: Ledger) -> float:
    """Cost at which the trades made would have ended at the capital: profit before costs / traded.

    10,000 * (E_T - E_0 + sum of costs) / sum |trade|, in bps of notional; negative if money was
    lost before costs. First order: cheaper trades would have compounded to other sizes.
    """
    traded = float(np.abs(ledger.trades).sum())
    equity = ledger.equity
    earned = float(equity[-1] - equity[0] + ledger.costs.sum())
    return 10_000 * earned / traded if traded > 0 else math.nan


def summarise(ledger: Ledger, bars_per_year: float) -> dict[str, float]:
    """Every statistic of this file by name; what is a year's is NaN below `LEAST_BARS` bars."""
    equity, returns = ledger.equity, ledger.returns
    found = {
        "total_return": total_return(equity),
        "cagr": cagr(equity, bars_per_year),
        "volatility": annual_volatility(returns, bars_per_year),
        "sharpe": sharpe(returns, bars_per_year),
        "sortino": sortino(returns, bars_per_year),
        "max_drawdown": max_drawdown(equity),
        "drawdown_bars": float(longest_drawdown(equity)),
        "turnover": turnover(ledger, bars_per_year),
        "gross_exposure": gross_exposure(ledger),
        "net_exposure": net_exposure(ledger),
        "hit_rate": hit_rate(returns),
        "cost_share": cost_share(ledger, bars_per_year),
        "break_even_bps": break_even_bps(ledger),
    }
    if len(returns) < LEAST_BARS:
        found |= dict.fromkeys(_OF_A_YEAR, math.nan)
    return found


def _per_equity(amount: np.ndarray, ledger: Ledger) -> float:
    """Mean over bars of an amount over the equity before it; bars after ruin count 0."""
    before = ledger.equity[:-1]
    share = np.divide(amount[1:], before, out=np.zeros_like(before), where=before > 0)
    return float(share.mean())
