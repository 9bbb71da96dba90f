"""Laws that hold whatever the market does: identities, scale, splits, batches, and the clock."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from backtest.accounting.scenarios import BARS, DRAWS, TICKERS, BandPolicy, build, seeded
from backtest.markets import make_raw_tape
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate, simulate_batch
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.tape.tape import Tape

SHAPE = BARS, TICKERS
FREE = Costs(0, 0, impact=0)
PLAIN = AccountTerms(participation_cap=0, financing_rate=0, borrow_fee=0, margin_limit=100)
CALM = arrays(float, SHAPE, elements=st.floats(-0.125, 0.125, width=32))
LONG = arrays(float, SHAPE, elements=st.floats(0, 0.3125, width=32))
SERIES = tuple(f.name for f in fields(Ledger) if f.name not in ("tickers", "counts", "notes"))


def prices(moves: np.ndarray) -> np.ndarray:
    return np.array([10.0, 50.0, 3.0]) * np.exp(np.cumsum(moves, axis=0))


def from_both(past: Tape, future: Tape, bar: int) -> Tape:
    """One tape up to and with the bar, another one after it."""
    changes = {}
    for name in (f.name for f in fields(Tape)):
        one, two = getattr(past, name), getattr(future, name)
        if isinstance(one, np.ndarray) and name != "times":
            changes[name] = np.concatenate([one[: bar + 1], two[bar + 1 :]])
    return replace(past, **changes)


@settings(deadline=None, max_examples=40)
@given(drawn=DRAWS)
def test_no_money_appears_or_is_lost(drawn: dict[str, Any]) -> None:
    scenario = build(drawn)
    ledger = simulate(scenario.tape, scenario.policy, scenario.costs, scenario.terms)
    earned = ledger.dividends + ledger.interest + ledger.delisting - ledger.costs - ledger.borrow
    profit = np.diff(ledger.positions, axis=0) - ledger.trades[1:]
    close = {"rtol": 1e-9, "atol": 1e-9 * scenario.terms.capital}
    np.testing.assert_allclose(
        np.diff(ledger.cash), (earned - ledger.trades.sum(axis=1))[1:], **close
    )
    np.testing.assert_allclose(np.diff(ledger.equity), profit.sum(axis=1) + earned[1:], **close)
    np.testing.assert_array_equal(ledger.positions, ledger.shares * scenario.tape.mark)
    assert ledger.cash[0] == ledger.equity[0] == scenario.terms.capital


@settings(deadline=None, max_examples=30)
@given(drawn=DRAWS)
def test_zero_targets_leave_the_cash_alone(drawn: dict[str, Any]) -> None:
    drawn["weights"] = np.zeros(SHAPE)
    scenario = build(drawn | {"cash_yield": 0.0})
    ledger = simulate(scenario.tape, scenario.policy, scenario.costs, scenario.terms)
    assert (ledger.equity == scenario.terms.capital).all()
    assert not ledger.trades.any()
    assert not any(ledger.counts.values())


@settings(deadline=None, max_examples=60)
@given(
    moves=CALM,
    weights=LONG,
    decides=arrays(bool, BARS),
    cheap=st.tuples(st.integers(0, 100), st.integers(0, 100), st.floats(0, 1)),
    more=st.tuples(st.integers(0, 100), st.integers(0, 100), st.floats(0, 1)),
)
def test_higher_costs_never_make_a_long_account_richer(
    moves: np.ndarray,
    weights: np.ndarray,
    decides: np.ndarray,
    cheap: tuple[int, int, float],
    more: tuple[int, int, float],
) -> None:
    """With moves below a quarter: a larger one can make an order larger than the account."""
    tape = make_raw_tape(prices(moves), volume=np.full(SHAPE, 1e7), volatility=np.full(SHAPE, 0.02))
    low, high = (
        simulate(tape, Targets(weights, decides), Costs(fee, slip, impact=impact), PLAIN)
        for fee, slip, impact in (cheap, tuple(a + b for a, b in zip(cheap, more, strict=True)))
    )
    assert (high.equity <= low.equity + 1e-12 * PLAIN.capital).all()


@settings(deadline=None, max_examples=40)
@given(drawn=DRAWS)
def test_twice_the_capital_makes_twice_the_profit_to_the_last_bit(drawn: dict[str, Any]) -> None:
    scenario = build(drawn | {"whole_shares": False, "participation_cap": 0.0, "impact": 0.0})
    terms = scenario.terms
    one, two = (
        simulate(scenario.tape, scenario.policy, scenario.costs, replace(terms, capital=capital))
        for capital in (terms.capital, 2 * terms.capital)
    )
    np.testing.assert_array_equal(2 * one.equity, two.equity)
    np.testing.assert_array_equal(one.returns, two.returns)
    assert one.counts == two.counts


@pytest.mark.parametrize("seed", range(8))
def test_a_batch_is_its_accounts_one_by_one_to_the_last_bit(seed: int) -> None:
    """Costs and terms of ten scenarios, with weights of their own or shared by all."""
    scenarios = [seeded(100 * seed + k) for k in range(10)]
    tape, spread = scenarios[0].tape, scenarios[0].costs.spread
    costs = [replace(scenario.costs, spread=spread) for scenario in scenarios]
    costs[3] = Costs(1, 2)
    terms = [scenario.terms for scenario in scenarios]
    decides = np.ones(BARS, dtype=bool)
    weights = np.stack([scenario.policy.weights for scenario in scenarios])
    shared = BandPolicy(scenarios[1].policy.weights, decides, 0.037)
    for policy in (shared, Targets(weights, decides)):
        batch = simulate_batch(tape, policy, costs, terms)
        for k in range(len(scenarios)):
            own = Targets(weights[k], decides) if isinstance(policy, Targets) else policy
            alone = simulate(tape, own, costs[k], terms[k])
            for name in ("equity", "traded", "costs", "gross", "net", "returns"):
                np.testing.assert_array_equal(
                    getattr(batch, name)[:, k], getattr(alone, name), err_msg=name
                )
            assert {name: int(count[k]) for name, count in batch.counts.items()} == alone.counts


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), bar=st.integers(0, BARS - 2), other=st.integers(0, 10_000))
def test_the_future_changes_nothing_before_it(seed: int, bar: int, other: int) -> None:
    """Another scenario's market and decisions follow the bar."""
    scenario, later = seeded(seed), seeded(other)
    tape, policy = scenario.tape, scenario.policy
    member = np.ones(SHAPE, dtype=bool)
    tape, future = (
        replace(t, member=member if t.member is None else t.member) for t in (tape, later.tape)
    )
    changed = BandPolicy(
        np.concatenate([policy.weights[: bar + 1], later.policy.weights[bar + 1 :]]),
        np.concatenate([policy.decides[: bar + 1], later.policy.decides[bar + 1 :]]),
        policy.band,
    )
    one = simulate(tape, policy, scenario.costs, scenario.terms)
    two = simulate(from_both(tape, future, bar), changed, scenario.costs, scenario.terms)
    for name in SERIES:
        np.testing.assert_array_equal(
            getattr(one, name)[: bar + 1], getattr(two, name)[: bar + 1], err_msg=name
        )


@settings(deadline=None, max_examples=40)
@given(drawn=DRAWS)
def test_splits_change_nothing_but_the_number_of_shares(drawn: dict[str, Any]) -> None:
    scenario = build(drawn | {"whole_shares": False})
    split_tape = scenario.tape
    ratio = np.cumprod(split_tape.split, axis=0)
    before = np.vstack([np.ones(TICKERS), ratio[:-1]])
    unsplit_tape = replace(
        split_tape,
        split=np.ones(SHAPE),
        fill=split_tape.fill * ratio,
        mark=split_tape.mark * ratio,
        dividend=split_tape.dividend * before,
    )
    split, unsplit = (
        simulate(tape, scenario.policy, scenario.costs, scenario.terms)
        for tape in (split_tape, unsplit_tape)
    )
    close = {"rtol": 1e-9, "atol": 1e-9 * scenario.terms.capital}
    np.testing.assert_allclose(split.equity, unsplit.equity, **close)
    np.testing.assert_allclose(split.shares, unsplit.shares * ratio, **close)
    assert split.counts == unsplit.counts
