"""Cash dividends of raw shares against shares that reinvest them, on thirteen years of IBM."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.tape import Basis
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.sample import SampleSource

FREE = Costs(0, 0, impact=0)
ADJ_CLOSE, DIVIDEND, SPLIT = (COLUMNS.index(name) for name in ("adj_close", "dividend", "split"))


@pytest.fixture(scope="module")
def ibm() -> Panel:
    """Real closes; the dividends are what the adjusted close says to the cent."""
    panel = SampleSource("sample-ohlcv").load(["IBM"])
    close, adj_close = panel.column("close")[:, 0], panel.column("adj_close")[:, 0]
    paid = np.round(close[:-1] - close[1:] * adj_close[:-1] / adj_close[1:], 2)
    dividend = np.concatenate([[0.0], np.where(paid > 0.1, paid, 0.0)])
    reinvested = 1 - dividend[1:] / close[:-1]
    later = np.concatenate([np.cumprod(reinvested[::-1])[::-1], [1.0]])
    values = panel.values.copy()
    values[:, 0, ADJ_CLOSE] = close * later
    values[:, 0, DIVIDEND], values[:, 0, SPLIT] = dividend, 1.0
    return replace(panel, values=values)


def adjusted(panel: Panel) -> Panel:
    """The same prices without the columns of dividends and splits."""
    values = panel.values.copy()
    values[:, :, [DIVIDEND, SPLIT]] = np.nan
    return replace(panel, values=values)


def hold(panel: Panel, execution: Execution, basis: Basis) -> Ledger:
    """All in the one ticker, every day anew."""
    tape = make_tape(panel, execution, FREE)
    assert tape.basis is basis
    policy = Targets(np.ones(panel.mask.shape), np.ones(len(panel.times), dtype=bool))
    return simulate(tape, policy, FREE, AccountTerms(participation_cap=0, financing_rate=0))


@pytest.mark.parametrize("execution", list(Execution))
def test_paid_or_reinvested_is_the_same_to_second_order(ibm: Panel, execution: Execution) -> None:
    """A dividend waits a bar in cash and misses that bar's return: yield times return."""
    raw = hold(ibm, execution, Basis.RAW)
    reinvested = hold(adjusted(ibm), execution, Basis.ADJUSTED)
    payouts = raw.dividends[1:] / raw.equity[:-1]
    assert (payouts > 0).sum() == 52
    assert payouts.sum() > 0.15
    largest_move = np.abs(raw.returns).max()
    gap = np.abs(np.log1p(raw.returns) - np.log1p(reinvested.returns))
    assert gap.max() < payouts.max() * largest_move
    assert abs(np.log(raw.equity[-1] / reinvested.equity[-1])) < 0.01 * payouts.sum()
