"""What a trade costs: commission, half the bid-ask spread, and the price that it moves itself."""

import difflib
import math
from dataclasses import dataclass
from enum import StrEnum

from forecasting.errors import ConfigError

MAX_BPS = 1_000.0
MAX_IMPACT = 10.0


class SpreadModel(StrEnum):
    """Where half the bid-ask spread comes from; daily prices quote none.

    FIXED: the same for every trade, `Costs.slippage_bps`.
    BUCKET: 1, 3 or 10 bps by the money that is traded in the ticker.
    ESTIMATED: from the high, low and close of the last month.
    """

    FIXED = "fixed"
    BUCKET = "bucket"
    ESTIMATED = "estimated"

    @classmethod
    def choose(cls, name: str) -> "SpreadModel":
        """The model called `name`.

        Raises:
            ConfigError: There is no such model.
        """
        if name not in list(cls):
            near = difflib.get_close_matches(name, list(cls), n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(cls)}."
            raise ConfigError(f"spread {name[:40]!r}: {hint}")
        return cls(name)


@dataclass(frozen=True)
class Costs:
    """Trading costs, paid from cash at the fill.

    A fill of notional Q, at the volatility s and the mean traded money V known at the close before:

        cost = Q (commission + half spread + impact * s * sqrt(Q / V))

    Attributes:
        commission_bps: What the broker charges.
        slippage_bps: Half the spread where it is fixed, or not known yet. The default is the middle
            of the usual 1, 3 and 10 bps for very liquid, liquid and other stocks.
        spread: Where half the spread comes from.
        impact: Y of the square-root law, no unit; 0.5 to 1 by most measurements, 0 for none.
            Prices without a volume have no impact.

    Raises:
        ConfigError: A cost is negative, not finite, or above `MAX_BPS` or `MAX_IMPACT`.

    Source: Almgren et al. (2005), Direct estimation of equity market impact, Risk 18(7); Toth et
        al. (2011), Anomalous price impact, Physical Review X 1(2), equation 1.
    """

    commission_bps: float | int = 5.0
    slippage_bps: float | int = 3.0
    spread: SpreadModel = SpreadModel.FIXED
    impact: float | int = 0.7

    def __post_init__(self) -> None:
        for name, value in (("commission", self.commission_bps), ("slippage", self.slippage_bps)):
            if not (math.isfinite(value) and 0 <= value <= MAX_BPS):
                raise ConfigError(
                    f"{name} of {value:g} bps: expected 0 to {MAX_BPS:g} basis points of the "
                    "traded notional (5 means 0.05 %). Correct it."
                )
        if not (math.isfinite(self.impact) and 0 <= self.impact <= MAX_IMPACT):
            raise ConfigError(
                f"impact of {self.impact:g}: expected 0 to {MAX_IMPACT:g}, the factor of the "
                "square-root law (0.7 is usual, 0 for none). Correct it."
            )

    @property
    def rate(self) -> float:
        """Commission and the fixed half-spread of one unit of notional, decimal."""
        return (self.commission_bps + self.slippage_bps) / 10_000

    def describe(self) -> str:
        """One sentence for a report."""
        half_spread = {
            SpreadModel.FIXED: f"{self.slippage_bps:g} bps slippage (half the spread)",
            SpreadModel.BUCKET: "1, 3 or 10 bps half-spread by the money traded in the ticker",
            SpreadModel.ESTIMATED: "a half-spread estimated from a month of highs, lows and closes",
        }[self.spread]
        law = f"{self.impact:g} * daily volatility * sqrt(notional / mean traded money)"
        impact = f"plus a market impact of {law}" if self.impact else "without market impact"
        return (
            f"Each trade pays {self.commission_bps:g} bps commission and {half_spread}, {impact}."
        )
