"""Paper orders are the engine's own: bit for bit what an account trades on the next bar."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import forecasting as fc
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.backtest import backtest
from forecasting.backtest.costs import Costs
from forecasting.errors import ConfigError, DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import COLUMNS, Panel
from forecasting.workflow.paper_orders import PaperOrders, orders_from, paper_orders
from forecasting.workflow.trading import Terms

FIRST, NEWEST = 480, 560
"""Bars: of the first decision, and the newest that the paper account knows."""
WHOLE = Terms("long_short", account=AccountTerms(whole_shares=True), parameters={"top_k": 1})
TERMS = {
    "fractional": Terms("long_short", parameters={"top_k": 1}),
    "whole": WHOLE,
    "band": Terms("volatility_target", parameters={"no_trade_band": 5.0, "rebalance_every": 1}),
    "beyond the margin": Terms(
        "volatility_target",
        account=AccountTerms(margin_limit=0.4),
        parameters={"target_volatility": 1.0, "rebalance_every": 1},
    ),
    "once": Terms("buy_and_hold"),
}


@pytest.fixture(scope="module")
def model(model_folder: Path) -> NetworkForecaster:
    return fc.load_model(model_folder)


@pytest.fixture(scope="module")
def forecast(model: NetworkForecaster, prices: Panel) -> Forecast:
    return model.forecast(prices)


def trade(forecast: Forecast, prices: Panel, terms: Terms, start: int):
    """The account of a backtest that begins at a bar."""
    made = backtest(
        forecast,
        prices,
        strategy=str(terms.strategy),
        costs=terms.costs,
        account=terms.account,
        start=prices.times[start],
        end=prices.times[NEWEST + 5],
        parameters=terms.parameters,
        n_random=0,
    )
    return made.ledgers[made.strategy]


def today(forecast: Forecast, prices: Panel, newest: int, terms: Terms, **asked) -> PaperOrders:
    """The orders after a bar, by somebody who knows no later one."""
    known = prices.at(slice(0, newest + 1))
    return orders_from(
        forecast.between(None, known.times[-1]),
        known,
        terms,
        first=asked.pop("first", known.times[-1]),
        now=known.times[-1] + np.timedelta64(17, "h"),
        **asked,
    )


def by_ticker(made: PaperOrders, column: str, tickers: tuple[str, ...]) -> np.ndarray:
    return made.orders.set_index("ticker")[column].reindex(tickers).fillna(0.0).to_numpy()


@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
def test_orders_from_cash_are_the_first_trades(forecast, prices: Panel, terms: Terms) -> None:
    made = today(forecast, prices, NEWEST, terms)
    ledger = trade(forecast, prices, terms, NEWEST)
    assert made.decides
    assert made.equity == ledger.equity[0] == terms.account.capital
    np.testing.assert_array_equal(by_ticker(made, "target", prices.tickers), ledger.shares[1])
    np.testing.assert_array_equal(by_ticker(made, "order", prices.tickers), ledger.shares[1])


@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
def test_orders_of_an_account_that_goes_on_are_its_trades(
    forecast, prices: Panel, terms: Terms
) -> None:
    ledger = trade(forecast, prices, terms, FIRST)
    decided = 0
    for bar in range(8, 15):
        made = today(
            forecast,
            prices,
            FIRST + bar,
            terms,
            first=prices.times[FIRST],
            held=dict(zip(prices.tickers, ledger.shares[bar].tolist(), strict=True)),
            cash=float(ledger.cash[bar]),
        )
        decided += made.decides
        assert made.equity == ledger.equity[bar]
        order = by_ticker(made, "order", prices.tickers)
        np.testing.assert_array_equal(ledger.shares[bar] + order, ledger.shares[bar + 1])
    every = terms.parameters.get("rebalance_every", 5)
    assert decided == (
        0 if terms.strategy == "buy_and_hold" else math.ceil(7 / every) - (every > 1)
    )


def test_costs_are_those_of_a_fill_at_the_newest_close(forecast, prices: Panel) -> None:
    costs = Costs(4.0, 2.0, impact=0.5)
    made = today(forecast, prices, NEWEST, Terms("equal_weight", costs=costs))
    volume = prices.column("close") * prices.column("volume")
    for row in made.orders.itertuples():
        k = prices.tickers.index(row.ticker)
        assert row.price == prices.column("adj_close")[NEWEST, k]
        assert row.notional == pytest.approx(made.equity / 4)
        assert row.first == row.order
        impact = row.cost / row.notional - 6e-4
        rough = 0.5 * 0.01 * math.sqrt(row.notional / np.nanmean(volume[:NEWEST, k]))
        assert 0.2 * rough < impact < 5 * rough


def test_the_cap_lets_a_part_through(forecast, prices: Panel) -> None:
    rich = Terms("equal_weight", account=AccountTerms(capital=1e9))
    made = today(forecast, prices, NEWEST, rich)
    assert (made.orders["first"] < made.orders["order"]).all()
    assert (made.orders["first"] > 0).all()


def test_what_is_said(forecast, prices: Panel) -> None:
    begins = today(forecast, prices, NEWEST, WHOLE)
    assert (
        "The account begins today, in cash: the newest bar is its first decision." in begins.notes
    )
    assert str(begins.decided)[:10] == "2012-02-27"
    assert str(begins.session)[:10] == "2012-02-28"
    held = {"AAA": 10.0}
    first = {"first": prices.times[NEWEST - 5], "held": held, "cash": 0}
    due = today(forecast, prices, NEWEST, WHOLE, **first)
    assert any(note.startswith("A decision bar: long_short decides every 5") for note in due.notes)
    idle = today(forecast, prices, NEWEST - 2, WHOLE, **first)
    assert any("decided 3 bars ago, and decides in 2 bars again" in note for note in idle.notes)
    once = today(forecast, prices, NEWEST - 2, Terms("buy_and_hold"), **first)
    assert any(
        note.endswith("decides never again. Orders here are exits and margin calls only.")
        for note in once.notes
    )
    assert not idle.decides
    assert idle.orders["order"].tolist() == [0.0]


def test_costs_are_said_as_they_are_paid(forecast, prices: Panel) -> None:
    assert "plus a market impact" in today(forecast, prices, NEWEST, WHOLE).costs
    values = prices.values.copy()
    values[:, :, COLUMNS.index("volume")] = np.nan
    silent = today(forecast, replace(prices, values=values), NEWEST, WHOLE)
    assert "without market impact" in silent.costs


def test_a_model_asks_for_nothing_but_its_prices(model, forecast, prices: Panel) -> None:
    known, whole = prices.at(slice(0, NEWEST + 1)), {"whole_shares": True, "top_k": 1}
    made = paper_orders(model, known, now=known.times[-1], **whole)
    expected = today(forecast, prices, NEWEST, WHOLE)
    np.testing.assert_allclose(made.orders["order"], expected.orders["order"], atol=1)
    assert {"decided", "session", "orders", "notes"} <= set(made.to_dict())
    early = paper_orders(model, prices.at(slice(0, 400)), now=prices.times[399], **whole)
    assert early.notes[0].startswith("IN SAMPLE")
    some = paper_orders(model, known, strategy="equal_weight", tickers=["AAA"], now=known.times[-1])
    assert some.orders["ticker"].tolist() == ["AAA"]


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"cash": 5}, ConfigError, "expected --positions too"),
        ({"held": {"AAA": 1.0}}, ConfigError, "expected --cash, 0 for none"),
        ({"held": {"AAA": 1.0}, "cash": -5e3}, DataError, "the account is worth -"),
        ({"held": {"AAA": 1.0}, "cash": math.nan}, ConfigError, "expected a finite number"),
        ({"held": {"ZZZ": 1.0}, "cash": 5}, DataError, "positions hold ZZZ"),
        ({"held": {"AAA": math.nan}, "cash": 5}, DataError, "hold nan shares of AAA: expected a"),
        ({"held": {"AAA": -1e6}, "cash": 5}, DataError, "the account is worth -"),
        ({"held": {}, "cash": 0}, DataError, "the account is worth 0.00"),
    ],
)
def test_accounts_that_cannot_be(asked, error, words: str, forecast, prices: Panel) -> None:
    with pytest.raises(error, match=words):
        today(forecast, prices, NEWEST, WHOLE, **asked)


def test_bars_and_rules_that_cannot_be(forecast, prices: Panel) -> None:
    weekly = Panel(prices.times, prices.tickers, prices.values, "1wk", "weekly prices")
    with pytest.raises(DataError, match="weekly prices has 1wk bars: expected daily ones"):
        today(forecast, weekly, NEWEST, WHOLE)
    stopped = Terms("long_short", parameters={"stop_quantile": 0.05})
    with pytest.raises(ConfigError, match="remembers when each holding began"):
        today(forecast, prices, NEWEST, stopped, held={"AAA": 1.0}, cash=5)
    assert today(forecast, prices, NEWEST, stopped).decides
