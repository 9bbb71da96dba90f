"""The features of the variants close, ohlc and ohlcv.

Returns are measured in units of the volatility known one bar earlier, and squashed by asinh, so
that a crash stays large without drowning the rest; variances as log ratios to the EWMA variance
over a day, a week, a month and a quarter.
"""

import numpy as np

from forecasting.market.features.feature import (
    OHLC,
    Feature,
    log_ratio,
    surprise,
    trailing_sum,
)

# How long the bar before lies back: the network scales its memory by it.
GAP_FEATURE = "log_gap"

_HAR = "Corsi 2009, J. Financial Econometrics 7(2)"

CORE: tuple[Feature, ...] = (
    Feature(
        name="return_1",
        unit="asinh of s",
        look_back=23,
        formula="asinh(r / s_{t-1})",
        compute=lambda bars: np.arcsinh(bars.log_return / bars.known_before),
    ),
    *(
        Feature(
            name=f"return_{n}",
            unit="asinh of s",
            look_back=max(n, 21) + 1,
            formula=f"asinh(sum_{n} r / (s sqrt {n}))",
            compute=trailing_sum("log_return", n),
        )
        for n in (5, 22, 66)
    ),
    Feature(
        name="log_volatility",
        unit="log decimal",
        look_back=22,
        formula="log s",
        compute=lambda bars: np.log(bars.volatility),
        source="RiskMetrics Technical Document 1996, 5.2",
    ),
    Feature(
        name=GAP_FEATURE,
        unit="log days",
        look_back=2,
        formula="log calendar days since the bar before",
        compute=lambda bars: np.log(bars.gap_days),
        known="open",
    ),
    *(
        Feature(
            name=f"log_square_{n}",
            unit="log ratio",
            look_back=max(n, 21) + 1,
            formula=f"log(mean_{n} r^2 / s^2 + 0.01)",
            compute=log_ratio("squared_return", n),
            source=_HAR,
        )
        for n in (1, 5, 22, 66)
    ),
    *(
        Feature(
            name=f"log_range_{n}",
            unit="log ratio",
            look_back=max(n, 21) + 1,
            formula=f"log(mean_{n}(Parkinson + o^2) / s^2 + 0.01)",
            compute=log_ratio("range_variance", n),
            needs=OHLC,
            source=_HAR,
        )
        for n in (1, 5, 22, 66)
    ),
    Feature(
        name="overnight",
        unit="asinh of s",
        look_back=23,
        formula="asinh(o / s_{t-1})",
        compute=lambda bars: np.arcsinh(bars.overnight / bars.known_before),
        needs=("open", "close"),
        known="open",
    ),
    Feature(
        name="volume_surprise",
        unit="log ratio",
        look_back=23,
        formula="log(V / mean_22 V_{t-1} + 0.01), V on one basis across splits",
        compute=surprise("volume"),
        needs=("volume",),
        source="Gervais, Kaniel & Mingelgrin 2001, J. Finance 56(3)",
    ),
)
"""Own features, in the order of the feature axis."""
