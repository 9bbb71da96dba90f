"""One account's ledger as tables over time: exposure, turnover, and where the money went."""

import numpy as np
import pandas as pd

from forecasting.backtest.accounting.ledger import Ledger


def exposure_table(ledger: Ledger) -> pd.DataFrame:
    """What was held at each close, one row a bar, shares of equity; 0 once equity is not positive.

    Columns `gross` (long and short added up), `net`, `long`, `short` (negative) and `holdings`, the
    number of tickers held.
    """
    weights = ledger.weights
    long, short = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    return pd.DataFrame(
        {
            "gross": long - short,
            "net": long + short,
            "long": long,
            "short": short,
            "holdings": (ledger.shares != 0).sum(axis=1),
        },
        index=pd.DatetimeIndex(ledger.times),
    )


def turnover_by_month(ledger: Ledger) -> pd.Series:
    """Sum over a month's bars of traded notional / equity at the close before; by first of month.

    Buys and sells both count, so exchanging the whole portfolio once is 2; 0 after ruin.
    """
    before = ledger.equity[:-1]
    share = np.divide(ledger.traded[1:], before, out=np.zeros_like(before), where=before > 0)
    bars = pd.DatetimeIndex(ledger.times[1:])
    monthly = pd.Series(share, index=bars, name="turnover").groupby(bars.to_period("M")).sum()
    return monthly.set_axis(pd.PeriodIndex(monthly.index).to_timestamp())


def costs_waterfall(ledger: Ledger) -> pd.Series:
    """From what prices earned to what was left, shares of the capital; the last is the sum.

    In the order `gross` (price moves of the holdings), `dividends`, `interest`, `borrow`,
    `commission`, `spread`, `impact`, `delisting`, `net`; what was paid is negative.
    """
    equity = ledger.equity
    parts = {
        "dividends": ledger.dividends.sum(),
        "interest": ledger.interest.sum(),
        "borrow": -ledger.borrow.sum(),
        "commission": -ledger.commission.sum(),
        "spread": -ledger.spread.sum(),
        "impact": -ledger.impact.sum(),
        "delisting": ledger.delisting.sum(),
    }
    net = equity[-1] - equity[0]
    waterfall = {"gross": net - sum(parts.values()), **parts, "net": net}
    return pd.Series(waterfall, dtype=float) / equity[0]


def trades_table(ledger: Ledger) -> pd.DataFrame:
    """Every fill in order: `time`, `ticker` and `notional`, negative where sold."""
    bars, columns = np.nonzero(ledger.trades)
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(ledger.times[bars]),
            "ticker": np.array(ledger.tickers, dtype=object)[columns],
            "notional": ledger.trades[bars, columns],
        }
    )
