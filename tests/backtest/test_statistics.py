"""Statistics against closed forms worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from forecasting.backtest import statistics
from forecasting.backtest.engine import Ledger

EQUITY = np.array([1.0, 1.1, 0.99, 1.21, 1.21, 1.0])
RETURNS = np.array([0.02, -0.01, 0.0, 0.03])


def ledger(positions: list[list[float]], cash: list[float], trades: list[list[float]]) -> Ledger:
    n = len(cash)
    return Ledger(
        times=pd.bdate_range("2020-01-01", periods=n).to_numpy(),
        tickers=("A", "B"),
        cash=np.array(cash, dtype=float),
        positions=np.array(positions, dtype=float),
        trades=np.array(trades, dtype=float),
        costs=0.01 * np.abs(np.array(trades)).sum(axis=1),
        late_orders=0,
        stale_marks=0,
    )


BOOK = ledger(
    positions=[[0, 0], [0.5, -0.25], [0.75, -0.25]],
    cash=[1.0, 0.7425, 0.7425],
    trades=[[0, 0], [0.5, -0.25], [0, 0]],
)


def test_growth() -> None:
    assert statistics.total_return(EQUITY) == pytest.approx(0.0)
    assert statistics.total_return(EQUITY[:4]) == pytest.approx(0.21)
    assert statistics.cagr(np.array([1.0, 1.1, 1.21]), 1.0) == pytest.approx(0.1)
    assert statistics.cagr(np.array([1.0, 1.21]), 0.5) == pytest.approx(0.1)
    assert statistics.cagr(np.array([1.0, -0.1]), 252.0) == -1


def test_risk_adjusted_returns() -> None:
    mean, spread = 0.01, math.sqrt((0.01**2 + 0.02**2 + 0.01**2 + 0.02**2) / 3)
    assert statistics.annual_volatility(RETURNS, 4.0) == pytest.approx(2 * spread)
    assert statistics.sharpe(RETURNS, 4.0) == pytest.approx(2 * mean / spread)
    assert statistics.sortino(RETURNS, 4.0) == pytest.approx(2 * mean / math.sqrt(0.01**2 / 4))
    assert statistics.hit_rate(RETURNS) == pytest.approx(2 / 3)


def test_what_cannot_be_computed_is_nan() -> None:
    flat = np.zeros(5)
    for value in (
        statistics.sharpe(flat, 252.0),
        statistics.sortino(np.array([0.1, 0.2]), 252.0),
        statistics.hit_rate(flat),
        statistics.annual_volatility(np.array([0.1]), 252.0),
    ):
        assert math.isnan(value)


def test_drawdowns() -> None:
    np.testing.assert_allclose(
        statistics.drawdowns(EQUITY), [0, 0, -0.1, 0, 0, 1 / 1.21 - 1], rtol=1e-12
    )
    assert statistics.max_drawdown(EQUITY) == pytest.approx(1 / 1.21 - 1)
    assert statistics.longest_drawdown(EQUITY) == 1
    assert statistics.longest_drawdown(np.array([3.0, 2, 1, 2, 3, 2])) == 3
    assert statistics.longest_drawdown(np.array([1.0, 2, 3])) == 0


def test_trading_of_a_ledger() -> None:
    before = 0.9925  # equity at the second close: 1 less 1 % of 0.75
    assert BOOK.equity.tolist() == pytest.approx([1, before, 1.2425])
    assert statistics.turnover(BOOK, 252.0) == pytest.approx(252.0 * 0.75 / 2)
    assert statistics.cost_share(BOOK, 252.0) == pytest.approx(252.0 * 0.0075 / 2)
    assert statistics.gross_exposure(BOOK) == pytest.approx((0.75 / before + 1 / 1.2425) / 2)
    assert statistics.net_exposure(BOOK) == pytest.approx((0.25 / before + 0.5 / 1.2425) / 2)
    assert statistics.break_even_bps(BOOK) == pytest.approx(10_000 * 0.25 / 0.75)


def test_an_account_that_never_trades() -> None:
    n_times = statistics.LEAST_BARS + 1
    idle = ledger([[0, 0]] * n_times, [1.0] * n_times, [[0, 0]] * n_times)
    found = statistics.summarise(idle, 252.0)
    assert math.isnan(found.pop("break_even_bps"))
    assert math.isnan(found.pop("sharpe"))
    assert math.isnan(found.pop("sortino"))
    assert math.isnan(found.pop("hit_rate"))
    assert set(found.values()) == {0}


def test_a_few_bars_say_nothing_of_a_year() -> None:
    found = statistics.summarise(BOOK, 252.0)
    of_a_year = ("cagr", "volatility", "sharpe", "sortino", "turnover", "cost_share")
    assert all(math.isnan(found[name]) for name in of_a_year)
    assert found["total_return"] == pytest.approx(0.2425)
