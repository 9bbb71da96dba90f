"""Returns over longer spans: momentum, reversal, day against night, the largest."""

import numpy as np

from forecasting.market.features.bars import Series
from forecasting.market.features.feature import Feature, trailing_sum
from forecasting.market.features.history import History

_DAY_AND_NIGHT = "Lou, Polk & Skouras 2019, J. Financial Economics 134(1)"
_SKIP = 21


def _momentum(length: int) -> Feature:
    n_summed = length - _SKIP
    return Feature(
        name=f"momentum_{length}",
        unit="asinh of s",
        look_back=length + 1,
        formula=f"asinh(sum_{n_summed} r_{{t-{_SKIP}}} / (s sqrt {n_summed}))",
        compute=trailing_sum("log_return", n_summed, skip=_SKIP),
        source="Jegadeesh & Titman 1993, J. Finance 48(1)",
    )


def _reversal(length: int) -> Feature:
    def compute(bars: History) -> Series:
        own, market = (bars.trailing_mean(name, length) for name in ("log_return", "market"))
        return np.arcsinh((market - own) * length / (bars.volatility * np.sqrt(length)))

    return Feature(
        name=f"reversal_{length}",
        unit="asinh of s",
        look_back=max(length, 21) + 1,
        formula=f"asinh(sum_{length}(m - r) / (s sqrt {length}))",
        compute=compute,
        keeps=("market",),
        source="Lehmann 1990, Quarterly J. Economics 105(1)",
    )


def _largest(length: int) -> Feature:
    return Feature(
        name=f"max_return_{length}",
        unit="asinh of s",
        look_back=max(length, 21) + 1,
        formula=f"asinh(largest r of {length} bars / s)",
        compute=lambda bars: np.arcsinh(
            bars.windows("log_return", length).max(axis=-1) / bars.volatility
        ),
        source="Bali, Cakici & Whitelaw 2011, J. Financial Economics 99(2)",
    )


TRENDS: tuple[Feature, ...] = (
    *(_momentum(n) for n in (63, 126, 252)),
    *(_reversal(n) for n in (5, 21)),
    Feature(
        name="intraday",
        unit="asinh of s",
        look_back=23,
        formula="asinh(c / s_{t-1})",
        compute=lambda bars: np.arcsinh(bars.intraday / bars.known_before),
        needs=("open", "close"),
        source=_DAY_AND_NIGHT,
    ),
    Feature(
        name="overnight_22",
        unit="asinh of s",
        look_back=23,
        formula="asinh(sum_22 o / (s sqrt 22))",
        compute=trailing_sum("overnight", 22),
        needs=("open", "close"),
        keeps=("overnight",),
        source=_DAY_AND_NIGHT,
    ),
    Feature(
        name="intraday_22",
        unit="asinh of s",
        look_back=22,
        formula="asinh(sum_22 c / (s sqrt 22))",
        compute=trailing_sum("intraday", 22),
        needs=("open", "close"),
        keeps=("intraday",),
        source=_DAY_AND_NIGHT,
    ),
    _largest(22),
)
