"""Statistics of what an account traded, held and paid: one pure function each.

The arrays are a ledger's: one number a bar, or (bar, configuration) for many accounts at once. What
happens at a bar is divided by the equity at the close before; bars after ruin count 0.
"""

import numpy as np
from jaxtyping import Float

from forecasting.backtest.accounting.ledger import Ledger
from forecasting.backtest.statistics.performance import Statistic, ratio

Money = Float[np.ndarray, "time *configuration"]


def turnover(traded: Money, equity: Money, bars_per_year: float | int) -> Statistic:
    """Mean over bars of traded notional / equity at the close before, times bars_per_year.

    Times a year; buys and sells both count, so exchanging the whole portfolio once is 2.
    """
    return yearly_share(traded, equity, bars_per_year)


def yearly_share(amount: Money, equity: Money, bars_per_year: float | int) -> Statistic:
    """Mean over bars of an amount / equity at the close before, times bars_per_year: a year."""
    return _of_equity(amount[1:], equity[:-1]).mean(axis=0) * bars_per_year


def exposure(value: Money, equity: Money) -> Statistic:
    """Mean over closes, but the first, of holdings / equity.

    Gross with holdings long and short added up, net with long less short.
    """
    return _of_equity(value[1:], equity[1:]).mean(axis=0)


def break_even_bps(equity: Money, costs: Money, traded: Money) -> Statistic:
    """Cost at which the trades made would have ended at the capital: profit before costs / traded.

    10,000 * (E_T - E_0 + sum of costs) / sum of traded notional, in bps of notional; negative if
    money was lost before costs, NaN without a trade. First order: cheaper trades would have
    compounded to other sizes.
    """
    earned = equity[-1] - equity[0] + costs.sum(axis=0)
    return 10_000 * ratio(earned, traded.sum(axis=0))


def cost_split(ledger: Ledger, bars_per_year: float | int) -> dict[str, float]:
    """What an account paid, by kind, as `yearly_share`: decimal a year, never negative.

    `commission`, `spread` and `impact` are paid at fills, `borrow` for shares sold short,
    `financing` for borrowed cash. Interest earned is no cost and does not offset `financing`.
    """
    kinds = {
        "commission": ledger.commission,
        "spread": ledger.spread,
        "impact": ledger.impact,
        "borrow": ledger.borrow,
        "financing": np.maximum(-ledger.interest, 0.0),
    }
    equity = ledger.equity
    return {name: float(yearly_share(paid, equity, bars_per_year)) for name, paid in kinds.items()}


def _of_equity(amount: Money, equity: Money) -> Money:
    return np.divide(amount, equity, out=np.zeros_like(equity), where=equity > 0)
