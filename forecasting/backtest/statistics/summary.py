"""All statistics of one account, or of many configurations at once."""

import numpy as np
from jaxtyping import Float

from forecasting.backtest.accounting.ledger import Ledger, LedgerBatch
from forecasting.backtest.statistics import performance, trading
from forecasting.backtest.statistics.performance import LEAST_BARS, Equity, Returns, Statistic

ANYTIME = {
    *("total_return", "max_drawdown", "drawdown_bars", "hit_rate", "best_bar", "worst_bar"),
    *("gross_exposure", "net_exposure", "break_even_bps"),
}
"""What is said of a span of any length; the rest is NaN below `LEAST_BARS` returns."""


def summarise(ledger: Ledger, bars_per_year: float | int) -> dict[str, float]:
    """Every statistic of `performance` and `trading` by name.

    A year's statistics and those of the returns' distribution are NaN below `LEAST_BARS` returns.
    """
    returns = ledger.returns
    found = _of_curve(ledger.equity, returns, bars_per_year) | _of_trading(ledger, bars_per_year)
    found |= {
        "sharpe_error": performance.sharpe_error(returns, bars_per_year),
        "skew": performance.skew(returns),
        "excess_kurtosis": performance.excess_kurtosis(returns),
        "tail_ratio": performance.tail_ratio(returns),
    }
    return {name: float(value) for name, value in _enough(found, len(returns)).items()}


def summarise_batch(
    batch: LedgerBatch, bars_per_year: float | int
) -> dict[str, Float[np.ndarray, " configuration"]]:
    """The statistics of `summarise` but the higher moments, one number a configuration."""
    returns = batch.returns
    found = _of_curve(batch.equity, returns, bars_per_year) | _of_trading(batch, bars_per_year)
    return {
        name: np.asarray(value, dtype=float) for name, value in _enough(found, len(returns)).items()
    }


def _of_curve(equity: Equity, returns: Returns, bars_per_year: float | int) -> dict[str, Statistic]:
    return {
        "total_return": performance.total_return(equity),
        "cagr": performance.cagr(equity, bars_per_year),
        "volatility": performance.annual_volatility(returns, bars_per_year),
        "sharpe": performance.sharpe(returns, bars_per_year),
        "sortino": performance.sortino(returns, bars_per_year),
        "calmar": performance.calmar(equity, bars_per_year),
        "max_drawdown": performance.max_drawdown(equity),
        "drawdown_bars": performance.longest_drawdown(equity),
        "hit_rate": performance.hit_rate(returns),
        "best_bar": returns.max(axis=0),
        "worst_bar": returns.min(axis=0),
    }


def _of_trading(ledger: Ledger | LedgerBatch, bars_per_year: float | int) -> dict[str, Statistic]:
    equity, traded, costs = ledger.equity, ledger.traded, ledger.costs
    return {
        "turnover": trading.turnover(traded, equity, bars_per_year),
        "gross_exposure": trading.exposure(ledger.gross, equity),
        "net_exposure": trading.exposure(ledger.net, equity),
        "cost_share": trading.yearly_share(costs, equity, bars_per_year),
        "break_even_bps": trading.break_even_bps(equity, costs, traded),
    }


def _enough(found: dict[str, Statistic], n_returns: int) -> dict[str, Statistic]:
    """The statistics with NaN for those that so few returns cannot tell."""
    if n_returns >= LEAST_BARS:
        return found
    return {
        name: value if name in ANYTIME else np.full_like(value, np.nan)[()]
        for name, value in found.items()
    }
