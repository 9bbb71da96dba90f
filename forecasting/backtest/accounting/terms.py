"""The terms of an account: its capital, what it earns and pays, and what it may do."""

import math
from dataclasses import dataclass

from forecasting.errors import ConfigError

_RANGES = {
    "capital": (1e-6, 1e15),
    "cash_yield": (-0.1, 1.0),
    "financing_rate": (0.0, 1.0),
    "borrow_fee": (0.0, 10.0),
    "margin_limit": (0.0, 100.0),
    "participation_cap": (0.0, 1.0),
    "delisting_return": (-1.0, 1.0),
}


@dataclass(frozen=True)
class AccountTerms:
    """What an account earns and pays beside trading costs, and its limits. Rates are a year's.

    Attributes:
        capital: Cash at the first bar, in the currency of the prices.
        whole_shares: Whether orders are rounded towards zero to whole shares.
        cash_yield: Earned on positive cash, decimal a year, simple interest by calendar days.
        financing_rate: Paid on negative cash, decimal a year.
        borrow_fee: Paid on the value of shares sold short, decimal a year.
        margin_limit: Largest gross exposure as a share of equity: targets beyond it are scaled
            down to it, and holdings that drift beyond it are cut to it at the next fill.
        participation_cap: Largest order a bar as a share of the ticker's mean traded money; the
            rest waits. 0 is no cap.
        delisting_return: Simple return from the last price to what a holder of a delisted ticker
            is paid; Shumway (1997, Journal of Finance 52(1)) finds -0.30 for failures.
        delisted_after: Bars without a price after which a ticker held is taken for delisted.

    Raises:
        ConfigError: A value lies outside its range.
    """

    capital: float | int = 1_000_000.0
    whole_shares: bool = False
    cash_yield: float | int = 0.0
    financing_rate: float | int = 0.05
    borrow_fee: float | int = 0.005
    margin_limit: float | int = 2.0
    participation_cap: float | int = 0.1
    delisting_return: float | int = 0.0
    delisted_after: int = 21

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and least <= value <= most):
                raise ConfigError(
                    f"{name} = {value:g}: expected {least:g} to {most:g}. Correct it."
                )
        if self.margin_limit == 0:
            raise ConfigError("margin_limit = 0: expected above 0, such as 2. Correct it.")
        if self.delisted_after < 1:
            raise ConfigError(
                f"delisted_after = {self.delisted_after}: expected at least 1 bar. Correct it."
            )
