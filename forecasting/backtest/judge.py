"""Plans traded on one tape, the first of them judged against the others and against cash."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecasting.backtest.accounting.ledger import COUNTS, Ledger
from forecasting.backtest.accounting.simulate import simulate
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.book import Backtest, Comparison
from forecasting.backtest.costs import Costs
from forecasting.backtest.execution import Execution
from forecasting.backtest.plan import Plan, plan_for
from forecasting.backtest.strategies.registry import BENCHMARKS
from forecasting.backtest.tape.tape import Tape
from forecasting.backtest.traded_span import TradedSpan
from forecasting.forecast.significance import MeanTest, least_dates, mean_test, verdict
from forecasting.market.survivorship import survivorship

_EARNED_BY_CASH = (
    "Sharpe and Sortino ratios include what idle cash earns; alpha and the verdict on luck do not."
)


def judge(
    span: TradedSpan,
    plans: Sequence[Plan],
    *,
    costs: Costs,
    account: AccountTerms,
    execution: Execution,
    trial_sharpes: Sequence[float] | None = None,
    n_random: int = 200,
    notes: Sequence[str] = (),
) -> Backtest:
    """Trade plans under the same terms.

    Args:
        span: Forecasts and prices.
        plans: The strategy's, then its benchmarks', each of another name.
        costs: What a trade costs.
        account: Capital, interest, borrow fee, limits.
        execution: Where orders are filled.
        trial_sharpes: As of `backtest`.
        n_random: As of `backtest`.
        notes: What else a reader has to know; the survivorship warning comes before them.
    """
    tape = span.tape(execution, costs)
    ledgers = {
        each.strategy: simulate(tape, each.policy(tape.times), costs, account) for each in plans
    }
    bars_per_year = span.prices.bars_per_year
    return Backtest(
        forecaster=span.forecast.name,
        plan=plans[0],
        tape=tape,
        ledgers=ledgers,
        bars_per_year=bars_per_year,
        execution=execution,
        costs=costs,
        account=account,
        comparisons=_compare(ledgers, account, tape.elapsed, bars_per_year),
        notes=(
            survivorship(span.panel),
            *notes,
            *span.forecast.notes,
            *tape.notes,
            *([_EARNED_BY_CASH] if account.cash_yield else []),
            *_events(plans, ledgers, tape),
        ),
        n_random=n_random,
        trial_sharpes=None if trial_sharpes is None else tuple(trial_sharpes),
    )


def benchmark_plans(
    span: TradedSpan, strategy: object, parameters: Mapping[str, Any], costs: Costs
) -> list[Plan]:
    """The benchmarks at a strategy's rhythm; without the one that the strategy is itself."""
    rhythm = {name: parameters[name] for name in ("rebalance_every",) if name in parameters}
    return [plan_for(span, name, rhythm, costs) for name in BENCHMARKS if name != strategy]


def _compare(
    ledgers: dict[str, Ledger], account: AccountTerms, elapsed: np.ndarray, bars_per_year: float
) -> tuple[Comparison, ...]:
    """The strategy's returns less those of cash, which earns its yield, and of each benchmark."""
    (_, own), *others = ledgers.items()
    differences = {"cash": own.returns - account.cash_yield * elapsed[1:]}
    differences |= {name: own.returns - other.returns for name, other in others}
    tests = {name: _test(values) for name, values in differences.items()}
    return tuple(
        Comparison(name, test.mean * bars_per_year, test, verdict(test))
        for name, test in tests.items()
    )


def _test(differences: np.ndarray) -> MeanTest:
    """The test of a mean, without t and p where there are too few bars for one."""
    if len(differences) < least_dates(1):
        return MeanTest(float(differences.mean()), math.nan, math.nan, len(differences))
    return mean_test(differences)


def _events(plans: Sequence[Plan], ledgers: dict[str, Ledger], tape: Tape) -> list[str]:
    """What each plan and its account have to tell; what was counted in one sentence a count."""
    notes = [note for plan in plans for note in plan.notes]
    # Where nothing has a volume, the tape says so once.
    silent = {"unpriced_impact"} if not np.isfinite(tape.volume).any() else set()
    for name, words in COUNTS.items():
        found = {who: ledger.counts[name] for who, ledger in ledgers.items() if ledger.counts[name]}
        if found and name not in silent:
            each = ", ".join(f"{who} {number:,}" for who, number in found.items())
            notes.append(f"Counted ({each}): {words}.")
    return notes + [f"{who}: {note}" for who, ledger in ledgers.items() for note in ledger.notes]
