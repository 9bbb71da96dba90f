"""Markets without predictable returns, as tapes, and strategies that know nothing of them."""

import numpy as np

from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.tape.tape import Basis, Tape


def noise_returns(n_bars: int, n_configurations: int, seed: int) -> np.ndarray:
    """Independent normal returns of 1 % a bar, (bar, configuration)."""
    return 0.01 * np.random.default_rng(seed).standard_normal((n_bars, n_configurations))


def curve(returns: np.ndarray, capital: float = 1.0) -> np.ndarray:
    """Equity of returns."""
    first = np.full((1, *returns.shape[1:]), capital)
    return np.concatenate([first, capital * np.cumprod(1 + returns, axis=0)])


def days(n: int, first: str = "2020-01-01") -> np.ndarray:
    """Calendar days."""
    return (np.datetime64(first, "D") + np.arange(n)).astype("datetime64[ns]")


def make_tape(returns: np.ndarray, *, volume: float = np.nan) -> Tape:
    """Closes that follow simple returns (bar, ticker); each open is the close before."""
    mark = 100 * np.cumprod(1 + returns, axis=0)
    fill = np.concatenate([np.full((1, mark.shape[1]), 100.0), mark[:-1]])
    ones = np.ones(mark.shape)
    elapsed = np.full(len(mark), 1 / 252)
    elapsed[0] = 0
    return Tape(
        times=days(len(mark)),
        tickers=tuple(f"T{k}" for k in range(mark.shape[1])),
        basis=Basis.ADJUSTED,
        fill=fill,
        mark=mark,
        present=ones > 0,
        split=ones,
        dividend=0 * ones,
        half_spread=0.0003 * ones,
        volatility=0.01 * ones,
        volume=volume * ones,
        elapsed=elapsed,
    )


def long_short(signal: np.ndarray, every: int = 5) -> Targets:
    """Long the upper quarter of a signal (bar, ticker), short the lower, each half of equity."""
    n_tickers = signal.shape[1]
    quarter = max(1, n_tickers // 4)
    rank = signal.argsort(axis=1).argsort(axis=1)
    side = (rank >= n_tickers - quarter).astype(float) - (rank < quarter)
    return Targets(0.5 * side / quarter, np.arange(len(signal)) % every == 0)
