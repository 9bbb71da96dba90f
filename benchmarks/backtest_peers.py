"""The same strategy in other packages: equal final equity, and how long each takes.

The prices have no splits and dividends; all costs are proportional, and there is no interest, fee,
cap or limit, as the peers know none of ours. What has to be set in each peer stands in its file;
then nothing but rounding is left. Peers are timed in the same run, one after the other:

- bt, where it is installed beside us (the `peers` extra): fractional shares, filled at the open;
- zipline-reloaded, where $ZIPLINE_PYTHON is the interpreter of an environment that has it (it needs
  pandas below 3): whole shares, filled at the close.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from benchmarks.backtest_bt import final_equity, installed_bt
from benchmarks.backtest_market import market, reversal_weights
from benchmarks.outcome import Row
from benchmarks.timing import timed
from forecasting.backtest.accounting.policy import Targets
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.tape.make_tape import make_tape
from forecasting.backtest.tape.tape import Tape
from forecasting.market.panel import COLUMNS, PRICE_COLUMNS, Panel

COSTS = Costs(commission_bps=5, slippage_bps=3, impact=0)
CAPITAL = 10_000_000.0
TERMS = AccountTerms(
    capital=CAPITAL, financing_rate=0, borrow_fee=0, margin_limit=100, participation_cap=0
)
TOLERANCE = 1e-9
"""Relative difference of final equity: some hundred thousand roundings of each account."""
LEAST_RATIO = 50.0
"""To an engine that handles every order as an event, as zipline; bt has no orders."""
ROUNDS = 3
"""Of ours and of bt, of which the fastest counts."""

_SCRIPT = Path(__file__).with_name("backtest_zipline.py")


@dataclass(frozen=True, eq=False)
class Case:
    """What all trade, and our account of it."""

    tape: Tape
    weights: Float[np.ndarray, "time ticker"]
    terms: AccountTerms

    def equity(self) -> float:
        """What is left of the capital."""
        targets = Targets(self.weights, np.ones(len(self.weights), dtype=bool))
        return float(simulate(self.tape, targets, COSTS, self.terms).equity[-1])


def measure() -> list[Row]:
    """Seconds of each, their ratio, and the difference of final equity.

    Against bt with few tickers too, where a bar of ours is all overhead.
    """
    return [*_with_bt(40, 1_000), *_with_bt(500, 1_000), *_with_zipline(40, 500)]


def _with_bt(tickers: int, bars: int) -> list[Row]:
    panel = market(tickers, bars, events=False)
    tape = make_tape(panel, Execution.NEXT_OPEN, COSTS)
    case = Case(tape, reversal_weights(panel), TERMS)
    name, bt = f"{tickers} tickers, {bars} days", installed_bt()
    if bt is None:
        return [Row(name, "bt", None, "s", "not installed, see the peers extra")]
    found: list[float] = []
    own, theirs = (
        min(timed(run) for _ in range(ROUNDS))
        for run in (
            case.equity,
            lambda: found.append(final_equity(bt, tape, case.weights, COSTS.rate, CAPITAL)),
        )
    )
    return _rows(name, f"bt {bt.__version__}", own, theirs, found[0] / case.equity())


def _with_zipline(tickers: int, bars: int) -> list[Row]:
    panel = _in_cents(market(tickers, bars, events=False))
    tape = make_tape(panel, Execution.NEXT_CLOSE, COSTS)
    case = Case(tape, reversal_weights(panel), replace(TERMS, whole_shares=True))
    name, python = f"{tickers} tickers, {bars} days", os.environ.get("ZIPLINE_PYTHON")
    if not python:
        return [Row(name, "zipline", None, "s", "set ZIPLINE_PYTHON to an environment that has it")]
    own = min(timed(case.equity) for _ in range(ROUNDS))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "case.npz")
        np.savez(file, close=tape.mark, weights=case.weights, rate=COSTS.rate, capital=CAPITAL)
        # -I: nothing of this environment.
        command = [python, "-I", "-W", "ignore", str(_SCRIPT), str(file)]
        settings = os.environ | {"ZIPLINE_ROOT": folder}
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=settings)
    answer = json.loads(ran.stdout)
    peer, ratio = f"zipline {answer['version']}", answer["equity"] / case.equity()
    return _rows(name, peer, own, answer["seconds"], ratio, LEAST_RATIO)


def _in_cents(panel: Panel) -> Panel:
    """Closes rounded to cents, and no other price."""
    values = panel.values.copy()
    closes = np.round(panel.column("close"), 2)
    values[:, :, [COLUMNS.index(name) for name in PRICE_COLUMNS]] = closes[:, :, None]
    return replace(panel, values=values)


def _rows(
    name: str,
    peer: str,
    own: float,
    theirs: float,
    ratio: float,
    least_ratio: float | None = None,
) -> list[Row]:
    return [
        Row(name, "ours", own, "s", "daily orders, proportional costs"),
        Row(name, "peer", theirs, "s", peer),
        Row(name, "speed-up", theirs / own, "x", peer, least_ratio, "larger"),
        Row(name, "equity differs", abs(ratio - 1), "", peer, TOLERANCE),
    ]
