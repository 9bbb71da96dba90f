"""What a leak audit looks at: the stages of a pipeline, each a function from prices to an array."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.evaluation.audit.future import KINDS, MEMBER_KINDS
from forecasting.market.panel import Panel


@dataclass(frozen=True)
class Stage:
    """One step from prices to orders, answered for every bar of a panel.

    Attributes:
        name: What a person calls it: `source`, `features`, `scalers`, `windows`, `network`,
            `carried state`, `calibration`, `strategy orders`, `test filter`.
        compute: From prices to an array whose first axis is the panel's times; what stands in row
            t is claimed to be known at the close of bar t. NaN where there is nothing. It has to
            answer also for a panel that ends earlier.
        tolerance: Largest relative difference of equal answers; 0 asks for equal bits.
        per_ticker: The second axis is the panel's tickers, each answered from its own bars alone.
        market: What it openly takes from other tickers, such as `market features`; then the second
            axis is the panel's tickers too, and `per_ticker` is not claimed. Empty for nothing.
        futures: The changes of later bars that must not show in it, see `audit.future`. Which
            cells are scored, for one, may depend on whether there are later bars, never on what
            they say.
    """

    name: str
    compute: Callable[[Panel], np.ndarray]
    tolerance: float | int = 0
    per_ticker: bool = False
    market: str = ""
    futures: tuple[str, ...] = (*KINDS, *MEMBER_KINDS)
