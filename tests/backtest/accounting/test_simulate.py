"""Each rule of the account by itself, with numbers that a reader can follow."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from backtest.markets import make_raw_tape

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate, simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs, SpreadModel
from forecasting.backtest.tape.tape import Basis, Tape

FREE = Costs(0, 0, impact=0)
TERMS = AccountTerms(capital=1_000, financing_rate=0, borrow_fee=0, participation_cap=0)


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def run(
    tape: Tape,
    weights: np.ndarray | list[float],
    decides: list[int] | None = None,
    costs: Costs = FREE,
    **terms: float | int,
) -> Ledger:
    """Targets for all bars (a list: the same on each), decided on some bars or on all."""
    rows = np.broadcast_to(np.asarray(weights, dtype=float), tape.fill.shape)
    send = np.isin(np.arange(len(rows)), range(len(rows)) if decides is None else decides)
    return simulate(tape, Targets(rows, send), costs, replace(TERMS, **terms))


def test_a_decision_is_sized_at_its_close_and_filled_at_the_next_bar() -> None:
    tape = make_raw_tape(column(10, 20, 30, 40), column(9, 18, 25, 50))
    ledger = run(tape, [0.5], decides=[1])
    assert ledger.shares[:, 0].tolist() == [0, 0, 25, 25]  # 0.5 * 1000 / 20
    assert ledger.trades[:, 0].tolist() == [0, 0, 25 * 25, 0]
    assert ledger.cash.tolist() == [1000, 1000, 375, 375]


def test_whole_shares_are_rounded_towards_zero_and_rounding_errors_forgiven() -> None:
    closes = np.full((3, 3), 0.1)
    ledger = run(make_raw_tape(closes), [0.00039, -0.00039, 0.3], whole_shares=True)
    assert ledger.shares[-1].tolist() == [3, -3, 3000]  # 0.3 * 1000 / 0.1 is 2999.9999999999995


def test_a_fraction_left_by_a_split_is_sold_with_the_next_order() -> None:
    split = column(1, 1, 0.5, 1)
    tape = make_raw_tape(column(10, 10, 20, 20), split=split)
    ledger = run(tape, column(0.055, 0, 0.055, 0), decides=[0, 2], whole_shares=True)
    assert ledger.shares[:, 0].tolist() == [0, 5, 2.5, 2]


def test_dividends_are_paid_on_the_shares_before_the_split_and_owed_by_shorts() -> None:
    two = np.repeat(column(10, 10, 5, 5), 2, axis=1)
    split, dividend = np.ones((4, 2)), np.zeros((4, 2))
    split[2], dividend[2] = 2, [0.4, 0.2]
    ledger = run(make_raw_tape(two, split=split, dividend=dividend), [0.5, -0.5], decides=[0])
    assert ledger.shares[:3].tolist() == [[0, 0], [50, -50], [100, -100]]
    assert ledger.dividends.tolist() == [0, 0, 50 * 0.4 - 50 * 0.2, 0]


def test_a_waiting_order_splits_too() -> None:
    tape = make_raw_tape(column(10, 10, 5), column(10, np.nan, 5), split=column(1, 1, 2))
    assert run(tape, [0.5], decides=[0]).shares[:, 0].tolist() == [0, 0, 100]


def test_interest_and_borrow_fees_by_calendar_days_on_the_close_before() -> None:
    tape = make_raw_tape(np.full((5, 1), 10.0))  # Wednesday to Tuesday
    days = np.array([0, 1, 1, 3, 1])
    long = run(tape, [1.5], decides=[0], cash_yield=0.0365, financing_rate=0.073)
    np.testing.assert_allclose(long.interest[:3], [0, 1000 * 0.0001, -499.9 * 0.0002])
    np.testing.assert_allclose(long.interest[2:], 0.0002 * long.cash[1:4] * days[2:])
    short = run(tape, [-0.5], decides=[0], borrow_fee=0.0365)
    np.testing.assert_allclose(short.borrow, 500 * 0.0001 * days * [0, 0, 1, 1, 1])
    assert not short.interest.any()


def test_costs_are_commission_half_spread_and_square_root_impact() -> None:
    tape = make_raw_tape(
        np.full((3, 1), 10.0),
        half_spread=column(0.002, 0.5, 0.5),
        volatility=column(0.02, 0.5, 0.5),
        volume=column(40_000, 1, 1),
    )
    costs = Costs(10, 7, spread=SpreadModel.ESTIMATED, impact=0.5)
    ledger = run(tape, [0.4], decides=[0], costs=costs)
    assert ledger.commission[1] == pytest.approx(400 * 0.001)
    assert ledger.spread[1] == pytest.approx(400 * 0.002)
    assert ledger.impact[1] == pytest.approx(400 * 0.5 * 0.02 * np.sqrt(400 / 40_000))
    assert ledger.cash[1] == pytest.approx(1000 - 400 - 0.4 - 0.8 - 0.4)
    fixed = run(tape, [0.4], decides=[0], costs=replace(costs, spread=SpreadModel.FIXED))
    assert fixed.spread[1] == pytest.approx(400 * 0.0007)


@pytest.mark.parametrize("unknown", ["volume", "volatility"])
def test_an_impact_that_nothing_prices_is_not_charged_but_counted(unknown: str) -> None:
    known = {"volume": np.full((3, 2), 1e6), "volatility": np.full((3, 2), 0.01)}
    known[unknown][:, 1] = np.nan
    ledger = run(make_raw_tape(np.full((3, 2), 10.0), **known), [0.2, 0.2], [0], Costs(0, 0))
    assert ledger.impact[1] == pytest.approx(200 * 0.7 * 0.01 * np.sqrt(200 / 1e6))
    assert ledger.counts["unpriced_impact"] == 1


def test_an_order_beyond_the_participation_cap_is_filled_in_parts() -> None:
    tape = make_raw_tape(np.full((6, 1), 10.0), volume=column(2000, 2000, 500, 4000, 4000, 1))
    ledger = run(tape, [0.45], decides=[0], participation_cap=0.1)
    assert ledger.trades[:, 0].tolist() == [0, 200, 200, 50, 0, 0]
    assert ledger.counts["capped_orders"] == 2


@pytest.mark.parametrize(("volume", "bought"), [(0.0, 0.0), (np.nan, 500.0)])
def test_no_volume_caps_everything_and_an_unknown_one_nothing(volume: float, bought: float) -> None:
    tape = make_raw_tape(np.full((3, 1), 10.0), volume=np.full((3, 1), volume))
    ledger = run(tape, [0.5], decides=[0], participation_cap=0.1)
    assert ledger.traded.sum() == bought


def test_an_order_without_a_price_waits_and_counts_once() -> None:
    closes = np.full((6, 2), 10.0)
    closes[2:4, 1] = np.nan
    ledger = run(make_raw_tape(closes), [0.5, 0.5], decides=[1])
    assert np.argwhere(ledger.trades).tolist() == [[2, 0], [4, 1]]
    assert ledger.counts["late_orders"] == 1
    assert ledger.counts["stale_marks"] == 0


def test_a_newer_decision_replaces_a_waiting_order() -> None:
    tape = make_raw_tape(column(10, 10, np.nan, np.nan, 10, 10))
    ledger = run(tape, column(0, 1, 0, 0, 0, 0))
    assert not ledger.trades.any()
    assert ledger.counts["late_orders"] == 1


def test_a_weight_of_nan_leaves_the_holding_and_its_order_alone() -> None:
    closes, opens = np.full((5, 2), 10.0), np.full((5, 2), 10.0)
    opens[1, 1] = np.nan
    weights = np.full((5, 2), np.nan)
    weights[0], weights[2] = [0.2, 0.3], [np.nan, 0.1]
    ledger = run(make_raw_tape(closes, opens), weights)
    assert ledger.shares.tolist() == [[0, 0], [20, 0], [20, 30], [20, 10], [20, 10]]


def test_a_target_without_any_price_yet_sends_no_order_and_is_counted() -> None:
    ledger = run(make_raw_tape(column(np.nan, np.nan, 10, 10)), [0.5], decides=[0])
    assert not ledger.trades.any()
    assert ledger.counts["late_orders"] == 1


def test_decisions_beyond_the_margin_limit_are_scaled_down_to_it() -> None:
    tape = make_raw_tape(np.full((3, 2), 10.0))
    ledger = run(tape, [2.4, -1.6], decides=[0], margin_limit=2)
    assert ledger.weights[1] == pytest.approx([1.2, -0.8])
    assert ledger.counts["scaled_decisions"] == 1
    exact = run(tape, [1.2, -0.8], decides=[0], margin_limit=2)
    assert exact.counts["scaled_decisions"] == exact.counts["margin_calls"] == 0


def test_what_is_left_alone_uses_up_its_share_of_the_margin_limit() -> None:
    weights = np.array([[1.5, 0.0], [np.nan, 1.0], [np.nan, np.nan]])
    ledger = run(make_raw_tape(np.full((3, 2), 10.0)), weights, margin_limit=2)
    assert ledger.weights[2] == pytest.approx([1.5, 0.5])
    assert ledger.counts["scaled_decisions"] == 1


def test_a_margin_call_cuts_all_holdings_in_proportion_at_the_next_fill() -> None:
    closes = np.array([[10.0, 10], [10, 10], [8, 10], [8, 10], [8, 10]])
    ledger = run(make_raw_tape(closes), [1.6, -0.4], decides=[0], margin_limit=2)
    equity = 1000 - 160 * 2
    assert ledger.equity[2] == equity
    gross = 160 * 8 + 40 * 10
    assert ledger.shares[3] == pytest.approx(np.array([160, -40]) * 2 * equity / gross)
    assert ledger.counts["margin_calls"] == 1
    assert ledger.gross[3] == pytest.approx(2 * ledger.equity[3])


def test_what_leaves_the_universe_is_sold_on_any_bar_and_not_bought_again() -> None:
    member = np.ones((6, 2), dtype=bool)
    member[2:, 1] = False
    tape = make_raw_tape(np.full((6, 2), 10.0), member=member)
    ledger = run(tape, [0.5, 0.5], decides=[0, 4])
    assert ledger.shares[:, 1].tolist() == [0, 50, 50, 0, 0, 0]
    assert ledger.counts["exits"] == 1


def test_a_vanished_holding_is_paid_out_after_some_bars() -> None:
    closes = np.array([[10.0, 10], [10, 10], [10, 10], *[[10, np.nan]] * 4])
    ledger = run(
        make_raw_tape(closes), [0.4, 0.5], decides=[0, 3], delisted_after=3, delisting_return=-0.3
    )
    assert ledger.positions[:, 1].tolist() == [0, 500, 500, 500, 500, 0, 0]
    assert ledger.delisting.tolist() == [0, 0, 0, 0, 0, -150, 0]
    assert ledger.equity[-1] == 850
    assert ledger.counts["delistings"] == 1
    assert ledger.counts["stale_marks"] == 3
    assert ledger.counts["late_orders"] == 0
    assert ledger.notes == (
        "B has no bar after 2020-01-03 and was taken for delisted on 2020-01-08: its holding was "
        "paid out at its last price -30%.",
    )


def test_a_holding_without_a_last_bar_is_marked_and_noted() -> None:
    ledger = run(make_raw_tape(column(10, 10, 12, np.nan, np.nan)), [0.5], decides=[0])
    assert ledger.equity.tolist() == [1000, 1000, 1100, 1100, 1100]
    assert ledger.counts["stale_marks"] == 2
    assert ledger.notes[0].startswith("A has no bar after 2020-01-03: its holding is marked")


def test_a_ruined_account_is_closed_and_rests() -> None:
    tape = make_raw_tape(column(1, 1, 2.5, 0.1, 0.1))
    ledger = run(tape, [-1.0], financing_rate=0.5)
    assert ledger.equity.tolist() == [1000, 1000, -500, -500, -500]
    assert ledger.returns.tolist() == [0, -1.5, 0, 0]
    assert ledger.trades[:, 0].tolist() == [0, -1000, 2500, 0, 0]
    assert not ledger.interest[3:].any()
    assert not ledger.positions[2:].any()
    assert ledger.notes == ("The account was ruined at the close of 2020-01-03.",)


def test_costs_can_ruin_an_account_but_not_the_engine() -> None:
    """The old engine had to refuse them: its orders solved for the equity after their costs."""
    tape = make_raw_tape(np.full((8, 1), 10.0))
    weights = column(3, -3, 3, -3, 3, -3, 3, -3)
    ledger = run(tape, weights, costs=Costs(1000, 1000), margin_limit=3)
    assert ledger.equity[1] == pytest.approx(1000 - 0.2 * 3000)
    assert ledger.equity[2] < 0
    assert (ledger.equity[2:] == ledger.equity[2]).all()
    assert "ruined" in ledger.notes[0]


def test_whole_shares_of_adjusted_prices_are_noted() -> None:
    tape = make_raw_tape(np.full((3, 1), 10.0))
    assert run(tape, [0.5], whole_shares=True).notes == ()
    (note,) = run(replace(tape, basis=Basis.ADJUSTED), [0.5], whole_shares=True).notes
    assert note.startswith("Whole shares of adjusted prices")


def test_a_policy_is_told_what_is_held_and_not_asked_at_the_last_bar() -> None:
    seen = []

    @dataclass
    class Curious:
        def decide(self, bar: int, held: np.ndarray) -> np.ndarray | None:
            seen.append((bar, *held[0].tolist()))
            return np.array([0.5]) if bar == 0 else None

    simulate(make_raw_tape(column(10, 10, 20, 20)), Curious(), FREE, TERMS)
    assert seen == [(0, 0.0), (1, 0.5), (2, pytest.approx(1000 / 1500))]


def test_a_batch_counts_ruin_and_delisting_for_each_account() -> None:
    tape = make_raw_tape(column(10, 10, 25, np.nan, np.nan, np.nan))
    weights = np.array([[[-1.0]], [[0.5]], [[0.0]]]) * np.ones((6, 1))
    policy = Targets(weights, np.arange(6) == 0)
    batch = simulate_batch(tape, policy, [FREE] * 3, [replace(TERMS, delisted_after=2)] * 3)
    assert batch.equity[-1].tolist() == [-500, 1750, 1000]
    assert batch.counts["delistings"].tolist() == [0, 1, 0]
