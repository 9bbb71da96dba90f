"""What a feature is: its name, its formula, where it comes from, and how it is computed.

In formulae: r log return of the adjusted close, s EWMA volatility, o log return from the close
before to the open, c from open to close, m mean r of the tickers that trade at the bar, V shares
traded, C close; mean_n and sum_n over the last n bars of the ticker, this one included. What is
subscripted t-1 was known one bar earlier, all else is of the bar itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from forecasting.market.features.bars import Series
from forecasting.market.features.history import History, Kept, Quantity
from forecasting.market.features.surprises import FLOOR

OHLC = ("open", "high", "low", "close")

Known = Literal["open", "close"]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A function of one ticker's own bars; the market's mean return counts as one of theirs.

    Attributes:
        name: Column name.
        unit: In what it is measured; nothing depends on the currency.
        look_back: Bars of history it needs before the first value, this one included.
        formula: In the symbols above.
        compute: From bars to one value a bar.
        needs: Columns of the panel besides `adj_close`.
        keeps: Quantities whose last values it looks back on.
        memory: Bars, this one included, that it looks back on where they are there; 0 where they
            are no more than `look_back`.
        known: When at its bar it is known.
        source: Where it comes from, if not from here.
    """

    name: str
    unit: str
    look_back: int
    formula: str
    compute: Callable[[History], Series]
    needs: tuple[str, ...] = ()
    keeps: tuple[Kept, ...] = ()
    memory: int = 0
    known: Known = "close"
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class CrossSectional:
    """A function of one feature of all tickers of the same bar.

    Attributes:
        name: Column name.
        unit: In what it is measured.
        of: The feature of each ticker.
        formula: In words.
        compute: From the values of all tickers, NaN where there is none, to one value a ticker.
        source: Where it comes from, if not from here.
    """

    name: str
    unit: str
    of: Feature
    formula: str
    compute: Callable[[Float[np.ndarray, "time ticker"]], Float[np.ndarray, "time ticker"]]
    source: str = ""

    @property
    def look_back(self) -> int:
        """Bars of its ticker's history it needs before the first value."""
        return self.of.look_back

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of the panel besides `adj_close`."""
        return self.of.needs

    @property
    def known(self) -> Known:
        """When at its bar it is known."""
        return self.of.known


def trailing_sum(quantity: Quantity, length: int, skip: int = 0) -> Callable[[History], Series]:
    """asinh(sum_n of a return / (s sqrt n)), without the last `skip` bars."""

    def compute(bars: History) -> Series:
        total = bars.trailing_mean(quantity, length, skip=skip) * length
        return np.arcsinh(total / (bars.volatility * np.sqrt(length)))

    return compute


def log_ratio(variance: Quantity, length: int) -> Callable[[History], Series]:
    """log(mean_n of a variance / s^2 + floor)."""

    def compute(bars: History) -> Series:
        return np.log(bars.trailing_mean(variance, length) / bars.volatility**2 + FLOOR)

    return compute


def surprise(amount: Kept) -> Callable[[History], Series]:
    """log(amount / mean of the 22 bars before + floor); NaN where nothing was traded in them."""

    def compute(bars: History) -> Series:
        usual = bars.trailing_mean(amount, 22, skip=1)
        today = bars.series(amount)[..., -len(bars.times) :]
        return np.where(usual > 0, np.log(today / usual + FLOOR), np.nan)

    return compute
