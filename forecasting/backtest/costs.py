"""What a trade costs: commission and slippage, both in basis points of the traded notional."""

import math
from dataclasses import dataclass

from forecasting.errors import ConfigError

MAX_BPS = 1_000.0


@dataclass(frozen=True)
class Costs:
    """Proportional trading costs, paid from cash at the fill.

    Attributes:
        commission_bps: What the broker charges.
        slippage_bps: Half the spread plus impact: how much worse than the fill price a trade is
            done, charged as a cost. The default is the middle of the usual 1, 3 and 10 bps for
            very liquid, liquid and other stocks; prices without quotes cannot say better.

    Raises:
        ConfigError: A cost is negative, not finite or above `MAX_BPS`.
    """

    commission_bps: float | int = 5.0
    slippage_bps: float | int = 3.0

    def __post_init__(self) -> None:
        for name, value in (("commission", self.commission_bps), ("slippage", self.slippage_bps)):
            if not (math.isfinite(value) and 0 <= value <= MAX_BPS):
                raise ConfigError(
                    f"{name} of {value:g} bps: expected 0 to {MAX_BPS:g} basis points of the "
                    "traded notional (5 means 0.05 %). Correct it."
                )

    @property
    def rate(self) -> float:
        """Cost of trading one unit of notional, decimal."""
        return (self.commission_bps + self.slippage_bps) / 10_000

    def describe(self) -> str:
        """One sentence for a report."""
        return (
            f"Each trade pays {self.commission_bps:g} bps commission and {self.slippage_bps:g} bps "
            "slippage on its notional; idle cash yields 0 and a short pays no borrow fee."
        )
