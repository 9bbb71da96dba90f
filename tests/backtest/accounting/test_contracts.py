"""The values that an account takes and gives: terms, targets, ledgers."""

import numpy as np
import pytest
from backtest.markets import make_raw_tape

from forecasting.backtest.accounting.ledger import COUNTS, returns_of
from forecasting.backtest.accounting.policy import Policy, Targets
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("capital", 0.0),
        ("capital", np.inf),
        ("cash_yield", -0.2),
        ("financing_rate", -0.01),
        ("borrow_fee", np.nan),
        ("margin_limit", 0),
        ("margin_limit", -1.0),
        ("participation_cap", 1.5),
        ("delisting_return", -1.1),
        ("delisted_after", 0),
    ],
)
def test_terms_outside_their_range(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name} = .*: expected .* Correct it"):
        AccountTerms(**{name: value})


@pytest.mark.parametrize("configurations", [(), (2,)])
@pytest.mark.parametrize("bars", [0, 1, 3, 4, 9])
def test_delayed_targets_are_the_same_decisions_later(
    configurations: tuple[int, ...], bars: int
) -> None:
    weights = np.random.default_rng(0).standard_normal((*configurations, 4, 3))
    targets = Targets(weights, np.array([True, False, True, True]))
    late = targets.delayed(bars)
    held = np.zeros((2, 3))
    assert isinstance(targets, Policy)
    for bar in range(4):
        decided = None if bar < bars else targets.decide(bar - bars, held)
        np.testing.assert_equal(late.decide(bar, held), decided)


def test_a_ledger_adds_up() -> None:
    tape = make_raw_tape(np.full((3, 2), 10.0))
    targets = Targets(np.tile([0.6, -0.2], (3, 1)), np.array([True, False, False]))
    ledger = simulate(tape, targets, Costs(10, 10, impact=0), AccountTerms(capital=1000))
    assert ledger.traded.tolist() == [0, 800, 0]
    assert ledger.gross[1:] == pytest.approx(800)
    assert ledger.net[1:] == pytest.approx(400)
    assert ledger.costs.tolist() == pytest.approx([0, 1.6, 0])
    assert ledger.weights[1] == pytest.approx(np.array([600, -200]) / ledger.equity[1])
    assert set(ledger.counts) == set(COUNTS)


def test_returns_are_zero_once_equity_is_not_positive() -> None:
    assert returns_of(np.array([1.0, 2.0, -1.0, -1.0])).tolist() == [1.0, -1.5, 0.0]
