"""Seconds and memory of one large account, and of a thousand configurations side by side.

Each case runs in a process of its own, so that the peak of memory is that case's, interpreter and
imports included.
"""

import multiprocessing
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.backtest_market import market, noise_forecast, reversal_weights
from benchmarks.outcome import Row
from benchmarks.timing import timed
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.execution import Execution
from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.sweep import sweep
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.tape import Tape

PORTFOLIO_SECONDS = 1.0
SWEEP_SECONDS = 20.0
MOST_MEMORY = 1_536.0
"""MiB."""
THOUSAND: dict[str, Sequence[float]] = {
    "cost_bps": (0, 1, 2, 3, 4, 5, 7, 10, 15, 20),
    "slippage_bps": (1, 3, 5, 10),
    "impact": (0, 0.3, 0.5, 0.7, 1),
    "top_k": (2, 3, 5, 7, 10),
    "rebalance_every": (1,),
}
"""A thousand configurations, all of them rebalanced on every day."""


def measure_portfolio(*, tickers: int = 500, bars: int = 5_000) -> list[Row]:
    """One account: raw prices with events, estimated spread, impact, fees, cap; daily orders."""
    made, traded, memory = _alone(_portfolio, tickers, bars)
    name = f"{tickers} tickers, {bars} days"
    return [
        Row(name, "tape", made, "s"),
        Row(name, "account", traded, "s", "daily orders, all costs", PORTFOLIO_SECONDS),
        Row(name, "peak memory", memory, "MiB", "", MOST_MEMORY),
    ]


def measure_sweep(*, tickers: int = 40, bars: int = 5_000) -> list[Row]:
    """A thousand configurations of a long-short strategy, all costs, daily orders."""
    size, seconds, memory = _alone(_sweep, tickers, bars)
    name = f"{size:,.0f} x {tickers} tickers, {bars} days"
    return [
        Row(name, "sweep", seconds, "s", "daily orders, all costs", SWEEP_SECONDS),
        Row(name, "peak memory", memory, "MiB", "", MOST_MEMORY),
    ]


def _alone(
    case: Callable[[int, int], tuple[float, float]], tickers: int, bars: int
) -> tuple[float, float, float]:
    """The two figures of a case in a fresh process, and its peak of memory in MiB."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return (
            *pool.submit(case, tickers, bars).result(),
            pool.submit(_peak_memory).result(),
        )


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _portfolio(tickers: int, bars: int) -> tuple[float, float]:
    """Seconds to make the tape, and to trade on it; the best of three."""
    panel = market(tickers, bars, events=True)
    costs, terms = Costs(spread=SpreadModel.ESTIMATED), AccountTerms(cash_yield=0.02)
    targets = Targets(reversal_weights(panel), np.ones(bars, dtype=bool))
    tapes: list[Tape] = []

    def make() -> None:
        tapes[:] = [make_tape(panel, Execution.NEXT_OPEN, costs)]

    made = min(timed(make) for _ in range(3))
    return made, min(timed(lambda: simulate(tapes[0], targets, costs, terms)) for _ in range(3))


def _sweep(tickers: int, bars: int) -> tuple[float, float]:
    """Number of configurations, and seconds of the sweep."""
    panel = market(tickers, bars, events=True)
    forecast, grid = noise_forecast(panel), Grid.of(THOUSAND)
    return grid.size, timed(lambda: sweep(forecast, panel, grid))
