"""What an account traded, held and paid, and the summary of it all."""

import math
import time

import numpy as np
import pytest
from backtest.statistics.noise import curve, days, long_short, make_tape, noise_returns

from forecasting.backtest.accounting.ledger import Ledger, LedgerBatch
from forecasting.backtest.accounting.simulate import simulate, simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics import summary, trading
from forecasting.backtest.statistics.performance import LEAST_BARS


def ledger(positions: list[list[float]], cash: list[float], trades: list[list[float]]) -> Ledger:
    """Costs of 1 % of what is traded: half of it commission, the rest spread and impact."""
    traded = np.abs(np.array(trades, dtype=float)).sum(axis=1)
    nothing = np.zeros(len(cash))
    return Ledger(
        times=days(len(cash)),
        tickers=("A", "B"),
        cash=np.array(cash, dtype=float),
        positions=np.array(positions, dtype=float),
        shares=np.array(positions, dtype=float),
        trades=np.array(trades, dtype=float),
        dividends=nothing,
        interest=np.where(np.arange(len(cash)) == 1, -0.002, 0.001),
        borrow=np.where(np.arange(len(cash)) == 2, 0.003, 0.0),
        delisting=nothing,
        commission=0.005 * traded,
        spread=0.004 * traded,
        impact=0.001 * traded,
        counts={},
    )


BOOK = ledger(
    positions=[[0, 0], [0.5, -0.25], [0.75, -0.25]],
    cash=[1.0, 0.7425, 0.7425],
    trades=[[0, 0], [0.5, -0.25], [0, 0]],
)
BEFORE = 0.9925  # equity at the second close: 1 less 1 % of 0.75


def test_trading_of_a_ledger() -> None:
    equity = BOOK.equity
    assert equity.tolist() == pytest.approx([1, BEFORE, 1.2425])
    assert trading.turnover(BOOK.traded, equity, 252.0) == pytest.approx(252.0 * 0.75 / 2)
    assert trading.yearly_share(BOOK.costs, equity, 252.0) == pytest.approx(252.0 * 0.0075 / 2)
    assert trading.exposure(BOOK.gross, equity) == pytest.approx((0.75 / BEFORE + 1 / 1.2425) / 2)
    assert trading.exposure(BOOK.net, equity) == pytest.approx((0.25 / BEFORE + 0.5 / 1.2425) / 2)
    assert trading.break_even_bps(equity, BOOK.costs, BOOK.traded) == pytest.approx(
        10_000 * 0.25 / 0.75
    )


def test_costs_by_kind() -> None:
    split = trading.cost_split(BOOK, 2.0)
    expected = {
        "commission": 0.005 * 0.75,
        "spread": 0.004 * 0.75,
        "impact": 0.001 * 0.75,
        "borrow": 0.003 / BEFORE,
        "financing": 0.002,
    }
    assert split == pytest.approx(expected)
    of_trades = sum(split[kind] for kind in ("commission", "spread", "impact"))
    assert of_trades == pytest.approx(trading.yearly_share(BOOK.costs, BOOK.equity, 2.0))


def test_an_account_that_never_trades() -> None:
    n_times = LEAST_BARS + 1
    idle = ledger([[0, 0]] * n_times, [1.0] * n_times, [[0, 0]] * n_times)
    found = summary.summarise(idle, 252.0)
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {
        *("break_even_bps", "sharpe", "sharpe_error", "sortino", "calmar"),
        *("hit_rate", "skew", "excess_kurtosis", "tail_ratio"),
    }
    assert {found[name] for name in set(found) - undefined} == {0}


def test_a_few_bars_say_nothing_of_a_year() -> None:
    found = summary.summarise(BOOK, 252.0)
    assert {name for name, value in found.items() if math.isnan(value)} == (
        set(found) - summary.ANYTIME
    )
    assert found["total_return"] == pytest.approx(0.2425)


def test_a_batch_is_each_account_alone() -> None:
    returns = noise_returns(60, 8, 0)
    tape, policy = make_tape(returns), long_short(noise_returns(60, 8, 1))
    costs = [Costs(commission_bps=each) for each in (0.0, 10.0, 100.0)]
    batch = summary.summarise_batch(
        simulate_batch(tape, policy, costs, [AccountTerms()] * 3), 252.0
    )
    for row, each in enumerate(costs):
        alone = summary.summarise(simulate(tape, policy, each, AccountTerms()), 252.0)
        assert {name: values[row] for name, values in batch.items()} == pytest.approx(
            {name: alone[name] for name in batch}
        )


def test_a_sweep_of_a_thousand_is_summarised_in_seconds() -> None:
    returns = noise_returns(5_000, 1_000, 0)
    equity = curve(returns)
    batch = LedgerBatch(days(5_001), equity, equity, equity, equity, equity, {})
    began = time.process_time()
    assert summary.summarise_batch(batch, 252.0)["sharpe"].shape == (1_000,)
    assert time.process_time() - began < 5  # about 1 s alone
