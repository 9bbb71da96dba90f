"""The engine: a tape, a policy, costs and account terms in; what happened to the account out."""

from collections.abc import Sequence

from forecasting.backtest.accounting.accounts import Accounts
from forecasting.backtest.accounting.check_tape import check_tape
from forecasting.backtest.accounting.conditions import Conditions
from forecasting.backtest.accounting.fills import Market
from forecasting.backtest.accounting.ledger import Ledger, LedgerBatch
from forecasting.backtest.accounting.orders import Desk
from forecasting.backtest.accounting.policy import Policy
from forecasting.backtest.accounting.record import FullRecord, SumRecord
from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.backtest.tape.tape import Tape


def simulate(tape: Tape, policy: Policy, costs: Costs, account: AccountTerms) -> Ledger:
    """Trade towards a policy's weights, one bar after each decision.

    On each bar, in this order:

    1. At the open shares pay their dividend (shorts owe it), then shares and waiting orders split.
    2. The cash of the close before earns `cash_yield` or pays `financing_rate`, the shorts of the
       close before pay `borrow_fee`, for the calendar time since.
    3. Waiting orders are filled at the fill price, each up to the participation cap; the rest
       waits. A ticker without a fill price keeps its order waiting. Costs are paid from cash, which
       may go below zero: the margin limit alone bounds borrowing.
    4. Holdings are marked at the close, those without a bar at their last one.
    5. A holding without a bar for `delisted_after` bars is paid out at its mark and
       `delisting_return`, its order dropped.
    6. Where equity is not positive all is closed at the mark; the account rests, without interest.
    7. Beyond the margin limit all holdings are ordered down in proportion. This replaces every
       waiting order.
    8. The policy decides. Wanted shares are weight * equity / mark at this close; targets beyond
       the margin limit are scaled down to what is left of it by holdings that are left alone. A
       decision replaces waiting orders, but not those of NaN weights. What is no member of the
       universe has target 0, on every bar. Nothing is decided at the last bar.

    Details where a broker has to choose:

    - A ticker that never had a bar has no price to size by: a target there sends no order and
      counts as a late one. Other orders count as late once; capped ones on each bar that cuts them.
    - Whole shares round towards zero, by the cap too. A split can leave a fraction; the ticker's
      next order sells it.
    - Unknown volume caps nothing; a mean volume of 0 caps everything. A fill without a volume or
      volatility pays no impact, and is counted.
    - `Costs.slippage_bps` is the half-spread where the model is fixed, else the tape's is.
    - Payouts (5) and closures (6) are in `Ledger.trades`, at the mark, and cost nothing. So
      cash changes by dividends + interest + delisting - costs - borrow - sum(trades).

    Raises:
        DataError: Times of the tape are unsorted or repeated, or a ticker comes twice.
        ValueError: A weight is infinite, weights have another shape, or the tape breaks its rules.
    """
    record = FullRecord(tape)
    return record.ledger(_run(tape, policy, Conditions.of([costs], [account]), record))


def simulate_batch(
    tape: Tape, policy: Policy, costs: Sequence[Costs], accounts: Sequence[AccountTerms]
) -> LedgerBatch:
    """`simulate` for many configurations at once: the same to the last bit, but only the sums.

    Args:
        tape: The market of all of them.
        policy: Its rows of weights are configurations, or one row serves all.
        costs: One a configuration.
        accounts: One a configuration.

    Raises:
        DataError: As `simulate`.
        ValueError: As `simulate`; or costs and accounts do not pair up; or two models of the
            spread, neither of them fixed, meet on the one tape.
    """
    record = SumRecord(tape, len(costs))
    return record.ledger(_run(tape, policy, Conditions.of(costs, accounts), record))


def _run(
    tape: Tape, policy: Policy, conditions: Conditions, record: FullRecord | SumRecord
) -> Accounts:
    check_tape(tape)
    accounts = Accounts(tape, conditions)
    market, desk = Market(tape, len(accounts.cash)), Desk(accounts, policy)
    last = len(tape.times) - 1
    for bar in range(last + 1):
        if bar > 0:
            accounts.open(bar)
            market.fill(accounts, bar)
        accounts.mark(bar)
        record.write(bar, accounts)
        if bar < last:
            desk.send(bar)
    return accounts
