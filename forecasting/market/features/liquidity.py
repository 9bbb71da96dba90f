"""How much is traded, what a trade moves, and how often nothing moves."""

import numpy as np

from forecasting.market.features.bars import Series
from forecasting.market.features.feature import Feature, surprise
from forecasting.market.features.history import History
from forecasting.market.features.surprises import FLOOR

_MONTH, _YEAR = 22, 252


def _illiquidity(bars: History) -> Series:
    recent, usual = (
        bars.trailing_mean("price_impact", n) / bars.trailing_mean("traded", n)
        for n in (_MONTH, _YEAR)
    )
    return np.log(recent / usual + FLOOR)


def _zero_share(length: int) -> Feature:
    return Feature(
        name=f"zero_share_{length}",
        unit="share",
        look_back=length + 1,
        formula=f"mean_{length}(r = 0)",
        compute=lambda bars: bars.trailing_mean("zero_return", length),
        source="Lesmond, Ogden & Trzcinka 1999, Rev. Financial Studies 12(5)",
    )


LIQUIDITY: tuple[Feature, ...] = (
    Feature(
        name="dollar_volume_surprise",
        unit="log ratio",
        look_back=_MONTH + 1,
        formula="log(C V / mean_22 (C V)_{t-1} + 0.01)",
        compute=surprise("dollar_volume"),
        needs=("close", "volume"),
        keeps=("dollar_volume",),
        source="Gervais, Kaniel & Mingelgrin 2001, J. Finance 56(3)",
    ),
    Feature(
        name="illiquidity_22",
        unit="log ratio",
        look_back=_YEAR + 1,
        formula="log(mean_22(|r| / C V) / mean_252(|r| / C V) + 0.01), of bars with trades",
        compute=_illiquidity,
        needs=("close", "volume"),
        keeps=("dollar_volume",),
        source="Amihud 2002, J. Financial Markets 5(1)",
    ),
    *(_zero_share(n) for n in (22, 66)),
)
