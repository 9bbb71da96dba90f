"""The cash ledger: against its Decimal twin, its own identities, and the clock."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from backtest.decimal_ledger import decimal_equity
from backtest.markets import make_panel, random_walk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.backtest.costs import Costs
from forecasting.backtest.engine import Ledger, last_known, simulate
from forecasting.backtest.execution import Execution
from forecasting.errors import ConfigError
from forecasting.market.panel import Panel

FREE = Costs(0, 0)
SHAPE = BARS, TICKERS = 12, 3


def run(
    panel: Panel,
    weights: np.ndarray,
    costs: Costs = FREE,
    execution: Execution = Execution.NEXT_OPEN,
    **options: object,
) -> Ledger:
    return simulate(panel, weights, costs=costs, execution=execution, **options)


class Market(NamedTuple):
    """Prices with wild moves, gaps and missing opens; signed weights; bars of decision."""

    moves: np.ndarray
    gaps: np.ndarray
    no_open: np.ndarray
    weights: np.ndarray
    decides: np.ndarray

    def panel(self) -> Panel:
        opens, closes = np.exp(np.cumsum(self.moves, axis=1)) * np.array([[[10.0, 50.0, 3.0]]])
        opens[self.gaps | self.no_open], closes[self.gaps] = np.nan, np.nan
        return make_panel(closes, opens)


def seldom(times: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(bool, SHAPE, elements=st.sampled_from([False] * times + [True]))


# Our own types stay out of the strategies: beartype draws random numbers, hypothesis forbids it.
MARKETS = st.builds(
    Market,
    moves=arrays(float, (2, *SHAPE), elements=st.floats(-0.375, 0.375, width=32)),
    gaps=seldom(3),
    no_open=seldom(6),
    weights=arrays(float, SHAPE, elements=st.floats(-1, 1, width=32)),
    decides=arrays(bool, BARS),
)


@settings(deadline=None, max_examples=150)
@given(market=MARKETS, bps=st.integers(0, 200), execution=st.sampled_from(Execution))
def test_equals_the_decimal_ledger(market: Market, bps: int, execution: Execution) -> None:
    panel, weights, decides = market.panel(), market.weights, market.decides
    costs = Costs(bps, 0)
    ledger = run(panel, weights, costs, execution, decides=decides)
    equity, paid = decimal_equity(
        execution.fill_prices(panel), panel.column("adj_close"), weights, decides, str(bps)
    )
    np.testing.assert_allclose(ledger.equity, np.array(equity, dtype=float), rtol=1e-9, atol=1e-9)
    assert ledger.costs.sum() == pytest.approx(float(paid), rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(market=MARKETS, bps=st.integers(0, 200))
def test_profit_less_costs_is_the_change_of_equity(market: Market, bps: int) -> None:
    panel, weights = market.panel(), market.weights
    ledger = run(panel, weights, Costs(bps, 0))
    change = ledger.equity[-1] - ledger.equity[0]
    assert ledger.profit.sum() - ledger.costs.sum() == pytest.approx(change, abs=1e-9)
    np.testing.assert_allclose(
        ledger.profit.sum(axis=1) - ledger.costs[1:], np.diff(ledger.equity), atol=1e-9
    )


@settings(deadline=None, max_examples=50)
@given(market=MARKETS)
def test_capital_scales_everything(market: Market) -> None:
    panel, weights = market.panel(), market.weights
    one, two = (run(panel, weights, Costs(10, 0), capital=c) for c in (1.0, 2.0))
    np.testing.assert_allclose(two.equity, 2 * one.equity, rtol=1e-12)
    np.testing.assert_allclose(two.returns, one.returns, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(market=MARKETS, cheap=st.integers(0, 150), more=st.integers(1, 150))
def test_higher_costs_never_make_a_long_account_richer(
    market: Market, cheap: int, more: int
) -> None:
    panel, weights, decides = market.panel(), market.weights, market.decides
    full = panel.mask.all(axis=1)[:, None]
    panel = make_panel(np.where(full, panel.column("adj_close"), 7.0))
    long = np.abs(weights) / TICKERS
    low, high = (
        run(panel, long, Costs(bps, 0), Execution.NEXT_CLOSE, decides=decides)
        for bps in (cheap, cheap + more)
    )
    assert (high.equity <= low.equity * (1 + 1e-12)).all()


def test_zero_weights_leave_the_cash_alone(prices: Panel) -> None:
    ledger = run(prices, np.zeros(prices.mask.shape), Costs(5, 3), capital=123.0)
    assert (ledger.equity == 123.0).all()
    assert not ledger.trades.any()
    assert (ledger.late_orders, ledger.stale_marks, ledger.notes) == (0, 0, ())


def test_buy_and_hold_is_the_price_relative_after_one_cost() -> None:
    panel = random_walk(50, 1, seed=0)
    costs = Costs(40, 10)
    ledger = run(panel, np.ones((50, 1)), costs, decides=np.arange(50) == 3)
    close, bought_at = panel.column("adj_close")[:, 0], panel.column("open")[4, 0]
    assert (ledger.equity[:4] == 1).all()
    np.testing.assert_allclose(ledger.equity[4:], close[4:] / bought_at / 1.005, rtol=1e-14)
    assert ledger.costs.sum() == pytest.approx(0.005 / 1.005)
    assert (ledger.trades != 0).sum() == 1


def test_target_weights_are_met_exactly_after_costs() -> None:
    panel = random_walk(30, 4, seed=1)
    weights = np.tile([0.7, -0.4, 0.1, 0.2], (30, 1))
    ledger = run(panel, weights, Costs(90, 10), Execution.NEXT_CLOSE)
    np.testing.assert_allclose(ledger.weights[1:], weights[1:], atol=1e-12)


def test_costs_are_the_rate_times_the_notional() -> None:
    panel = random_walk(30, 4, seed=2)
    weights = np.random.default_rng(0).uniform(-1, 1, (30, 4))
    ledger = run(panel, weights, Costs(7, 2))
    np.testing.assert_allclose(ledger.costs, 9e-4 * np.abs(ledger.trades).sum(axis=1), rtol=1e-14)


@pytest.mark.parametrize("execution", list(Execution))
def test_a_decision_is_filled_on_the_next_bar(execution: Execution) -> None:
    panel = random_walk(10, 2, seed=3)
    ledger = run(panel, np.full((10, 2), 0.5), execution=execution, decides=np.arange(10) == 4)
    assert np.flatnonzero(ledger.trades.any(axis=1)).tolist() == [5]
    quotes = panel.column("open" if execution is Execution.NEXT_OPEN else "adj_close")
    shares = ledger.positions[5] / panel.column("adj_close")[5]
    np.testing.assert_allclose(shares * quotes[5], [0.5, 0.5], rtol=1e-14)


@settings(deadline=None, max_examples=60)
@given(market=MARKETS, bar=st.integers(0, BARS - 2), noise=st.sampled_from([0.001, 7.0, np.nan]))
def test_the_future_changes_nothing_before_it(market: Market, bar: int, noise: float) -> None:
    panel, weights, decides = market.panel(), market.weights, market.decides
    changed = panel.values.copy()
    changed[bar + 1 :] *= noise
    later = weights.copy()
    later[bar + 1 :] = 0.3
    one = run(panel, weights, Costs(5, 0), decides=decides)
    two = run(Panel(panel.times, panel.tickers, changed), later, Costs(5, 0), decides=decides)
    past = slice(0, bar + 1)
    for name in ("cash", "positions", "trades", "costs", "equity"):
        assert np.array_equal(getattr(one, name)[past], getattr(two, name)[past]), name


def test_an_order_without_a_price_waits_for_the_next_one() -> None:
    closes = np.full((6, 2), 10.0) + np.arange(6)[:, None]
    closes[2:4, 1] = np.nan
    ledger = run(
        make_panel(closes),
        np.full((6, 2), 0.5),
        execution=Execution.NEXT_CLOSE,
        decides=np.arange(6) == 1,
    )
    assert np.argwhere(ledger.trades).tolist() == [[2, 0], [4, 1]]
    assert ledger.late_orders == 1
    assert ledger.stale_marks == 0


def test_a_newer_decision_replaces_a_waiting_order() -> None:
    closes = np.full((6, 1), 10.0)
    closes[2:4] = np.nan
    weights = np.array([[0.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
    ledger = run(make_panel(closes), weights, execution=Execution.NEXT_CLOSE)
    assert not ledger.trades.any()
    assert ledger.late_orders == 1


def test_a_holding_without_bars_keeps_its_last_price_and_is_reported() -> None:
    closes = np.array([[10.0, 10], [10, 10], [10, 12], [10, np.nan], [10, np.nan]])
    ledger = run(
        make_panel(closes),
        np.full((5, 2), 0.5),
        execution=Execution.NEXT_CLOSE,
        decides=np.arange(5) == 0,
    )
    np.testing.assert_allclose(ledger.equity, [1, 1, 1.1, 1.1, 1.1], rtol=1e-14)
    assert ledger.stale_marks == 2
    assert len(ledger.notes) == 1
    assert ledger.notes[0].startswith("B has no bar after 2020-01-03")


def test_a_ruined_account_rests() -> None:
    closes = np.array([[1.0], [1], [2.5], [0.1], [0.1]])
    ledger = run(make_panel(closes), np.full((5, 1), -1.0), execution=Execution.NEXT_CLOSE)
    np.testing.assert_allclose(ledger.equity, [1, 1, -0.5, -0.5, -0.5])
    np.testing.assert_allclose(ledger.returns, [0, -1.5, 0, 0])
    assert ledger.notes == ("The account was ruined at the close of 2020-01-03.",)


def test_dividends_are_reinvested_through_the_adjusted_prices() -> None:
    panel = make_panel(np.full((4, 1), 10.0), np.full((4, 1), 10.0))
    values = panel.values.copy()
    values[:2, 0, 5] = 9.0  # a dividend of 1 goes ex on the third bar
    ledger = run(Panel(panel.times, panel.tickers, values), np.ones((4, 1)))
    np.testing.assert_allclose(ledger.equity, [1, 1, 10 / 9, 10 / 9], rtol=1e-14)


def test_refuses_costs_that_could_eat_the_account() -> None:
    with pytest.raises(ConfigError, match="less than half the account"):
        run(random_walk(5, 2, seed=0), np.full((5, 2), 3.0), Costs(900, 0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_weights_that_are_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        run(random_walk(5, 1, seed=0), np.full((5, 1), bad))


def test_last_known_price() -> None:
    prices = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, 4.0]])
    assert last_known(prices).tolist() == [[0, 1], [2, 1], [2, 1], [3, 4]]


def test_the_twin_agrees_with_a_sum_by_hand() -> None:
    closes = np.array([[10.0], [10.0], [11.0]])
    equity, paid = decimal_equity(closes, closes, np.ones((3, 1)), np.array([1, 0, 0]), "100")
    assert equity[-1] == pytest.approx(Decimal("1.1") / Decimal("1.01"))
    assert paid == pytest.approx(Decimal("0.01") / Decimal("1.01"))
