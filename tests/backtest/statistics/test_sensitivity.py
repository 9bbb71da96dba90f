"""Costs and delays: each row is a simulation of its own."""

import numpy as np
import pytest
from backtest.statistics.noise import long_short, make_tape, noise_returns

from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics.sensitivity import (
    DELAYS,
    Delayed,
    cost_sensitivity,
    delay_sensitivity,
)
from forecasting.backtest.statistics.summary import summarise

N_BARS = 200
SIGNAL = noise_returns(N_BARS, 8, 1)
TAPE = make_tape(noise_returns(N_BARS, 8, 0) + 0.3 * np.roll(SIGNAL, 1, axis=0), volume=1e7)
POLICY, ACCOUNT = long_short(SIGNAL), AccountTerms()


def test_growth_falls_with_costs() -> None:
    table = cost_sensitivity(TAPE, POLICY, ACCOUNT, 252.0)
    assert table.index.tolist() == [0, 2, 5, 10, 20, 50]
    assert (table["cagr"].diff().iloc[1:] < 0).all()
    five = simulate(TAPE, POLICY, Costs(5, 0, impact=0), ACCOUNT)
    assert table.loc[5, "sharpe"] == pytest.approx(summarise(five, 252.0)["sharpe"])
    assert table.loc[0, "cost_share"] == 0


def test_each_delay_is_the_targets_delayed() -> None:
    table = delay_sensitivity(TAPE, POLICY, Costs(), ACCOUNT, 252.0)
    for bars in DELAYS:
        alone = summarise(simulate(TAPE, POLICY.delayed(bars), Costs(), ACCOUNT), 252.0)
        assert table.loc[bars].to_dict() == pytest.approx(alone)
    assert table.loc[0, "cagr"] > table.loc[1, "cagr"]


class Countdown:
    """A rule that remembers: it holds everything it had less a tenth at each decision."""

    def __init__(self) -> None:
        self.left = 1.0

    def decide(self, bar: int, held: np.ndarray) -> np.ndarray:
        self.left *= 0.9
        return np.full(held.shape[1], self.left / held.shape[1])


def test_a_rule_that_remembers_begins_anew_for_each_delay() -> None:
    table = delay_sensitivity(TAPE, Countdown(), Costs(), ACCOUNT, 252.0, (0, 3))
    for bars in (0, 3):
        alone = simulate(TAPE, Delayed(Countdown(), bars), Costs(), ACCOUNT)
        assert table.loc[bars].to_dict() == pytest.approx(summarise(alone, 252.0))
