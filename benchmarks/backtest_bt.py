"""Weights traded in bt (MIT): a tree of securities that is walked date by date.

What has to be set there for an account equal to ours:

- orders in shares, sized at a close and filled at the next open: an algo of its own, since bt's
  `Rebalance` sizes and fills at one and the same price;
- fractional shares, and one proportional commission for commission and half-spread;
- a bid-offer of zero, without which bt trades at no other price than the close.

bt knows neither splits nor dividends: the prices have none.
"""

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.backtest.tape.tape import Tape


def installed_bt() -> ModuleType | None:
    """The package, None where it is not installed."""
    try:
        return importlib.import_module("bt")
    except ImportError:
        return None


def final_equity(
    bt: Any, tape: Tape, weights: Float[np.ndarray, "time ticker"], rate: float, capital: float
) -> float:
    """What is left of the capital.

    Args:
        bt: The package.
        tape: Prices without splits and dividends.
        weights: Wanted at each close.
        rate: Cost of one unit of notional.
        capital: Cash at the first bar.
    """

    class FillThenDecide(bt.Algo):
        """Fills the orders of the close before at this open, then sizes those of this close."""

        def __init__(self) -> None:
            super().__init__()
            self.wanted: np.ndarray | None = None

        def __call__(self, target: Any) -> bool:
            bar = int(np.searchsorted(tape.times, target.now.to_datetime64()))
            if self.wanted is not None:
                for ticker, wanted, price in zip(
                    tape.tickers, self.wanted, tape.fill[bar], strict=True
                ):
                    security = target.children[ticker]
                    security.transact(wanted - security.position, update=False, price=price)
                target.root.update(target.now)
            self.wanted = weights[bar] * target.value / tape.mark[bar]
            return True

    closes = pd.DataFrame(tape.mark, pd.DatetimeIndex(tape.times), list(tape.tickers))
    children = [bt.Security(ticker) for ticker in tape.tickers]
    test = bt.Backtest(
        bt.Strategy("weights", [FillThenDecide()], children=children),
        closes,
        initial_capital=capital,
        commissions=lambda quantity, price: rate * abs(quantity) * price,
        integer_positions=False,
        progress_bar=False,
        additional_data={"bidoffer": 0.0 * closes},
    )
    test.run()
    return float(test.strategy.values.iloc[-1])
