"""Corporate actions and halts of simulated markets: found where the market's truth has them."""

import numpy as np
import pytest

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.inspection import inspect
from forecasting.market.checks.sessions import HALT_SESSIONS
from forecasting.market.simulation.event import Event
from forecasting.market.simulation.markets import MARKETS
from forecasting.market.simulation.simulate import simulate_with_truth

TICKERS, BARS = 20, 1500


def inspected(kind: str, seed: int, interval: str = "1d") -> tuple[list[Finding], list[Event]]:
    tickers, bars = (TICKERS, BARS) if interval == "1d" else (6, 300)
    panel, truth = simulate_with_truth(kind, tickers, bars, seed, interval=interval, events=True)
    return list(inspect(panel, calendar=None)), list(truth.events)


@pytest.mark.parametrize("kind", MARKETS)
@pytest.mark.parametrize("seed", range(2))
def test_events_are_no_errors_and_are_found(kind: str, seed: int) -> None:
    findings, events = inspected(kind, seed)
    assert not [each for each in findings if each.severity == "error"]
    found = {(each.check, each.ticker, str(each.first)[:10], each.bars) for each in findings}
    for event in events:
        day = str(event.day)[:10]
        if event.kind == "halt":
            check = "halt" if event.size >= HALT_SESSIONS else "missing-session"
            assert (check, event.ticker, day, round(event.size)) in found
        if event.kind == "spin_off" and event.size >= 0.1:
            assert ("odd-distribution", event.ticker, day, 1) in found
    assert {event.kind for event in events} >= {"split", "halt", "spin_off"}


@pytest.mark.parametrize("seed", range(2))
def test_nothing_else_is_said(seed: int) -> None:
    findings, events = inspected("random-walk", seed)
    halts = [event for event in events if event.kind == "halt"]
    said = [each for each in findings if each.check in ("halt", "missing-session")]
    assert len(said) == len(halts)
    known = {"halt", "missing-session", "odd-distribution"}
    others = [each for each in findings if each.check not in known and each.severity != "note"]
    assert len(others) <= 2  # of 30 000 bars with fat tails, after halts too


def test_intraday_market_with_events() -> None:
    findings, events = inspected("random-walk", 0, "1h")
    assert not [each for each in findings if each.severity == "error"]
    halted = {
        (event.ticker, str(event.day)[:10])
        for event in events
        if event.kind == "halt" and event.size >= HALT_SESSIONS
    }
    assert halted <= {
        (each.ticker, str(np.datetime64(each.first, "D")))
        for each in findings
        if each.check == "halt"
    }
