"""A universe in the backtest: members are held, what leaves is sold, nobody knows it before."""

from dataclasses import replace

import numpy as np
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk
from future import change_future_members
from market.universes import FOREVER, day_of, everybody, roster, universe

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.market.panel import Panel
from forecasting.market.survivorship import MEMBERS, SURVIVORS
from forecasting.market.universe import Spell

WALK = random_walk(300, 8, seed=2)
STRATEGIES = ("long_short", "long_only", "volatility_target", "equal_weight")


def trade(panel: Panel, strategy: str = "long_only", **parameters: object) -> Backtest:
    year = {"bars_per_year": 252.0} if strategy == "volatility_target" else {}
    forecast = noise_forecast(WALK, seed=3).select(panel.tickers)
    return backtest(forecast, panel, strategy=strategy, parameters={**parameters, **year})


def hold(panel: Panel, weights: np.ndarray, decides: np.ndarray | None = None) -> Ledger:
    free = Costs(0, 0, impact=0)
    every = np.ones(len(panel.times), dtype=bool)
    tape = make_tape(panel, Execution.NEXT_OPEN, free)
    targets = Targets(weights, every if decides is None else decides)
    return simulate(tape, targets, free, AccountTerms(delisted_after=1000))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_everybody_trades_as_without_a_table(strategy: str) -> None:
    one, other = trade(everybody(WALK), strategy), trade(WALK, strategy)
    np.testing.assert_array_equal(one.equity, other.equity)
    np.testing.assert_array_equal(one.weights, other.weights)
    assert other.notes[0] == SURVIVORS
    assert one.notes[0].startswith(MEMBERS)
    assert SURVIVORS not in one.notes
    assert one.notes[1:] == other.notes[1:]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_members_are_held_one_bar_after_the_decision(strategy: str) -> None:
    marked = roster(WALK).apply(WALK)
    book = trade(marked, strategy)
    held = book.weights.to_numpy() != 0
    assert marked.member is not None
    assert held.any()
    # Bought after the close of a member's bar, sold after the close of the first bar outside.
    assert not (held[2:] & ~marked.member[1:-1] & ~marked.member[2:]).any()
    assert any("left the universe" in note for note in book.notes)


def test_what_leaves_between_two_decisions_is_sold_at_the_next_fill() -> None:
    panel = WALK.at(slice(20)).select(WALK.tickers[:2])
    spells = [Spell("A", FOREVER, None), Spell("B", FOREVER, day_of(panel, 9))]
    weights, decides = np.full((20, 2), 0.5), np.arange(20) == 3
    ledger = hold(universe(*spells).apply(panel), weights, decides)
    assert np.flatnonzero(ledger.positions[:, 1]).tolist() == list(range(4, 11))
    assert np.flatnonzero(ledger.trades.any(axis=1)).tolist() == [4, 11]
    assert ledger.positions[12:, 0].all()
    assert ledger.counts["exits"] == 1
    opens = panel.column("open")[11, 1] * panel.column("adj_close")[11, 1]
    assert -ledger.trades[11, 1] == pytest.approx(
        ledger.positions[10, 1]
        * opens
        / panel.column("close")[11, 1]
        / panel.column("close")[10, 1]
    )


def test_no_order_buys_outside_whatever_a_strategy_wants() -> None:
    panel = WALK.at(slice(20)).select(WALK.tickers[:2])
    spells = [Spell("A", FOREVER, None), Spell("B", day_of(panel, 9), None)]
    ledger = hold(universe(*spells).apply(panel), np.full((20, 2), 0.5))
    assert np.flatnonzero(ledger.positions[:, 1])[0] == 10
    assert ledger.counts["exits"] == 0


def test_who_leaves_during_a_halt_is_sold_at_its_next_price() -> None:
    panel = WALK.at(slice(20)).select(WALK.tickers[:2])
    values = panel.values.copy()
    values[10:14, 1] = np.nan
    panel = replace(panel, values=values)
    spells = [Spell("A", FOREVER, None), Spell("B", FOREVER, day_of(panel, 9))]
    ledger = hold(universe(*spells).apply(panel), np.full((20, 2), 0.5), np.arange(20) == 3)
    assert np.flatnonzero(ledger.trades[:, 1]).tolist() == [4, 14]
    assert (ledger.counts["exits"], ledger.counts["stale_marks"]) == (1, 4)


@pytest.mark.parametrize("final_return", [None, -0.3])
def test_who_is_delisted_ends_with_its_last_price_or_its_final_return(
    final_return: float | None,
) -> None:
    panel = WALK.at(slice(20)).select(WALK.tickers[:2])
    values = panel.values.copy()
    values[10:, 1] = np.nan
    panel = replace(panel, values=values)
    spells = [Spell("A", FOREVER, None), Spell("B", FOREVER, day_of(panel, 9), final_return)]
    ledger = hold(universe(*spells).apply(panel), np.full((20, 2), 0.5), np.arange(20) == 3)
    last = ledger.positions[9, 1]
    np.testing.assert_allclose(ledger.positions[10:, 1], last * (1 + (final_return or 0.0)))
    assert any("B has no bar after" in note for note in ledger.notes)


@pytest.mark.parametrize("kind", ["shuffled", "nobody", "everybody"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_future_members_change_no_earlier_position_and_no_equity(strategy: str, kind: str) -> None:
    marked, after = roster(WALK).apply(WALK), 180
    changed = change_future_members(marked, after, kind)
    one, other = trade(changed, strategy), trade(marked, strategy)
    until = WALK.times[after]
    for name in ("equity", "weights"):
        np.testing.assert_array_equal(
            getattr(one, name).loc[:until], getattr(other, name).loc[:until]
        )
    assert not one.weights.equals(other.weights)


def test_a_newcomer_does_not_change_how_many_are_chosen_before() -> None:
    spells = [Spell(ticker, FOREVER, None) for ticker in WALK.tickers[:4]]
    late = [Spell(ticker, day_of(WALK, 200), None) for ticker in WALK.tickers[4:]]
    with_them, without = (trade(universe(*s).apply(WALK)) for s in (spells + late, spells))
    assert with_them.parameters["top_k"] == without.parameters["top_k"] == 1
    np.testing.assert_allclose(
        with_them.equity["long_only"][:200], without.equity["long_only"][:200], rtol=1e-12
    )


def test_forecasts_of_who_is_no_member_do_not_count() -> None:
    panel = WALK.at(slice(60)).select(WALK.tickers[:2])
    score = np.tile([0.001, 0.002], (60, 1))  # the second is the better one
    forecast = make_forecast(panel, score)
    table = universe(Spell("A", FOREVER, None), Spell("B", FOREVER, day_of(panel, 29)))
    book = backtest(forecast, table.apply(panel), strategy="long_only", parameters={"top_k": 1})
    held = book.weights.to_numpy() > 0
    assert held[5:30].tolist() == [[False, True]] * 25
    # Alone, the other one has nobody to be compared with.
    assert not held[35:].any()


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nobody_knows_that_a_ticker_will_end(strategy: str, marked: bool) -> None:
    last = 150
    values = WALK.values.copy()
    values[last + 1 :, 2] = np.nan
    delisted = replace(WALK, values=values)
    books = []
    for panel in (delisted, WALK):
        forecast = noise_forecast(WALK, seed=3)
        law = forecast.law.map(lambda x, there=panel.mask: np.where(there[:, :, None], x, np.nan))
        year = {"bars_per_year": 252.0} if strategy == "volatility_target" else {}
        book = backtest(
            replace(forecast, law=law, price=panel.column("adj_close")),
            everybody(panel) if marked else panel,
            strategy=strategy,
            parameters=year,
        )
        books.append(book)
    until = WALK.times[last]
    for name in ("equity", "weights"):
        one, other = (getattr(book, name).loc[:until] for book in books)
        np.testing.assert_array_equal(one, other)
    assert books[0].weights["C"].abs().max() > 0
    assert not books[0].equity.equals(books[1].equity)


def test_a_table_with_the_failed_takes_the_survivors_gain_away() -> None:
    """A martingale whose tickers end once they have lost 40 %: there is nothing to be earned."""
    walk = random_walk(1500, 26, seed=8)
    closes = walk.column("adj_close")
    failed = np.maximum.accumulate(closes < 60, axis=0)
    values = walk.values.copy()
    values[1:][failed[:-1]] = np.nan  # the bar of the failure is the last one
    panel = replace(walk, values=values)
    ended = failed[:-1].any(axis=0)
    survivors = [ticker for ticker, end in zip(panel.tickers, ended, strict=True) if not end]
    assert 8 < len(survivors) < 20
    spells = [
        Spell(t, FOREVER, day_of(panel, int(failed[:, k].argmax())) if ended[k] else None)
        for k, t in enumerate(panel.tickers)
    ]
    growth = {}
    for name, prices in {
        "survivors": panel.select(survivors),
        "members": universe(*spells).apply(panel),
    }.items():
        book = backtest(
            make_forecast(prices, np.zeros(prices.mask.shape)),
            prices,
            strategy="equal_weight",
            costs=Costs(0, 0),
        )
        growth[name] = book.stats.loc["equal_weight", "cagr"]
    assert abs(growth["members"]) < 0.04
    assert growth["survivors"] > growth["members"] + 0.04
