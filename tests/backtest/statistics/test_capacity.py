"""How growth falls with capital."""

import numpy as np
import pytest
from backtest.statistics.noise import long_short, make_tape, noise_returns

from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.statistics.capacity import CAPITALS, Capacity, capacity
from forecasting.backtest.statistics.summary import summarise

N_BARS, N_TICKERS = 300, 12
SIGNAL = noise_returns(N_BARS, N_TICKERS, 1)
POLICY = long_short(SIGNAL)
FREE = Costs(commission_bps=0, slippage_bps=0)
ACCOUNT = AccountTerms()


def skilful(volume: float = 1e7):
    returns = noise_returns(N_BARS, N_TICKERS, 0)
    returns[1:] += 0.4 * SIGNAL[:-1]
    return make_tape(returns, volume=volume)


def test_growth_falls_with_capital() -> None:
    found = capacity(skilful(), POLICY, FREE, ACCOUNT, 252.0)
    assert found.capitals.tolist() == list(CAPITALS)
    assert (np.diff(found.cagr[found.cagr > 0]) < 0).all()
    assert found.half < found.zero
    assert found.cagr[0] > 0 > found.cagr[-1] or found.zero is None
    assert "growth halves at" in found.sentence()


def test_each_capital_is_an_account_of_its_own() -> None:
    tape = skilful()
    found = capacity(tape, POLICY, FREE, ACCOUNT, 252.0, (1e5, 1e7))
    for at, capital in enumerate((1e5, 1e7)):
        alone = simulate(tape, POLICY, FREE, AccountTerms(capital=capital))
        assert found.cagr[at] == pytest.approx(summarise(alone, 252.0)["cagr"])


def test_levels_lie_between_the_capitals_around_them() -> None:
    found = capacity(skilful(), POLICY, FREE, ACCOUNT, 252.0)
    for level, capital in ((found.cagr[0] / 2, found.half), (0.0, found.zero)):
        at = int(np.flatnonzero(found.cagr <= level)[0])
        assert found.capitals[at - 1] <= capital <= found.capitals[at]


def test_what_does_not_grow_has_no_capacity() -> None:
    found = capacity(
        make_tape(noise_returns(N_BARS, 4, 5), volume=1e7),
        long_short(noise_returns(N_BARS, 4, 6)),
        Costs(100),
        ACCOUNT,
        252.0,
    )
    assert (found.half, found.zero) == (None, None)
    assert "does not grow" in found.sentence()


def test_without_a_volume_it_is_unknown() -> None:
    found = capacity(skilful(np.nan), POLICY, FREE, ACCOUNT, 252.0)
    assert len(found.capitals) == 0
    assert (found.half, found.zero) == (None, None)
    assert found.sentence() == "Capacity unknown: the prices have no volume."


def test_without_impact_and_cap_size_is_free() -> None:
    free = Costs(commission_bps=0, slippage_bps=0, impact=0)
    found = capacity(skilful(), POLICY, free, AccountTerms(participation_cap=0), 252.0)
    assert found.cagr == pytest.approx(found.cagr[0])
    assert "has not halved. No impact, no cap" in found.sentence()


def test_in_words() -> None:
    grid, growth = np.array([1e4, 1e6]), np.array([0.2, 0.05])
    found = Capacity(grid, growth, growth, half=5e4, zero=None)
    assert found.sentence() == "Capacity: growth halves at 50,000 and is not gone at 1,000,000."
