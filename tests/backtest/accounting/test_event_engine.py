"""The engine against its slow twin, in random markets in which everything happens."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from backtest.accounting.event_engine import run_events
from backtest.accounting.scenarios import DRAWS, Scenario, build, seeded
from hypothesis import given, settings

from forecasting.backtest.accounting.accounts import FLOWS
from forecasting.backtest.accounting.ledger import COUNTS, Ledger
from forecasting.backtest.accounting.simulate import simulate

SCENARIOS = 10_000


def compare(scenario: Scenario) -> Ledger:
    tape, capital = scenario.tape, scenario.terms.capital
    ledger = simulate(tape, scenario.policy, scenario.costs, scenario.terms)
    rows, counts = run_events(
        tape, scenario.policy.for_events(tape.tickers), scenario.costs, scenario.terms
    )
    slow: dict[str, Any] = {
        "equity": [row.equity for row in rows],
        "cash": [row.cash for row in rows],
        "shares": [[row.shares.get(name, 0.0) for name in tape.tickers] for row in rows],
        "trades": [[row.trades.get(name, 0.0) for name in tape.tickers] for row in rows],
    } | {flow: [row.flows.get(flow, 0.0) for row in rows] for flow in FLOWS}
    for name, values in slow.items():
        np.testing.assert_allclose(
            getattr(ledger, name), values, rtol=1e-9, atol=1e-9 * capital, err_msg=name
        )
    assert ledger.counts == {name: counts[name] for name in COUNTS}
    return ledger


@settings(deadline=None, max_examples=100)
@given(drawn=DRAWS)
def test_equals_the_event_engine(drawn: dict[str, Any]) -> None:
    compare(build(drawn))


def test_equals_the_event_engine_where_everything_happens() -> None:
    happened, ruined = Counter[str](), 0
    for seed in range(200):
        ledger = compare(seeded(seed))
        happened.update({name: count > 0 for name, count in ledger.counts.items()})
        happened.update({flow: bool(getattr(ledger, flow).any()) for flow in FLOWS})
        ruined += any("ruined" in note for note in ledger.notes)
    assert min(happened[name] for name in (*COUNTS, *FLOWS)) > 5, happened
    assert ruined > 5


@pytest.mark.slow
def test_equals_the_event_engine_in_ten_thousand_scenarios() -> None:
    for seed in range(SCENARIOS):
        compare(seeded(seed))
