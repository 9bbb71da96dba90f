"""Variances of the session from ranges and from intraday bars, and how a variance is made up."""

import numpy as np

from forecasting.market.features.bars import Series
from forecasting.market.features.feature import OHLC, Feature, log_ratio
from forecasting.market.features.history import History, Kept, Quantity
from forecasting.market.features.surprises import FLOOR
from forecasting.market.volatility import yang_zhang

_SESSIONS: tuple[tuple[Kept, str, tuple[str, ...], str], ...] = (
    ("parkinson", "Parkinson", ("high", "low"), "Parkinson 1980, J. Business 53(1)"),
    ("garman_klass", "Garman-Klass", OHLC, "Garman & Klass 1980, J. Business 53(1)"),
    ("rogers_satchell", "Rogers-Satchell", OHLC, "Rogers & Satchell 1991, Ann. Appl. Prob. 1(4)"),
    (
        "realized_variance",
        "sum of squared intraday r",
        ("realized_variance",),
        "Andersen, Bollerslev, Diebold & Labys 2003, Econometrica 71(2)",
    ),
    (
        "realized_range",
        "sum of intraday Parkinson",
        ("realized_range",),
        "Christensen & Podolskij 2007, J. Econometrics 141(2)",
    ),
)


def _yang_zhang(length: int) -> Feature:
    def variance_of(bars: History, value: Quantity, square: Quantity) -> Series:
        about_mean = bars.trailing_mean(square, length) - bars.trailing_mean(value, length) ** 2
        return about_mean * length / (length - 1)

    def compute(bars: History) -> Series:
        overnight = variance_of(bars, "overnight", "squared_overnight")
        intraday = variance_of(bars, "intraday", "squared_intraday")
        session = bars.trailing_mean("rogers_satchell", length)
        variance = yang_zhang(overnight, intraday, session, length)
        return np.log(variance / bars.volatility**2 + FLOOR)

    return Feature(
        name=f"log_yang_zhang_{length}",
        unit="log ratio",
        look_back=max(length, 21) + 1,
        formula=f"log(Yang-Zhang over {length} / s^2 + 0.01)",
        compute=compute,
        needs=OHLC,
        keeps=("overnight", "intraday", "rogers_satchell"),
        source="Yang & Zhang 2000, J. Business 73(3)",
    )


def _overnight_share(length: int) -> Feature:
    def compute(bars: History) -> Series:
        night = bars.trailing_mean("squared_overnight", length)
        return night / (night + bars.trailing_mean("squared_intraday", length))

    return Feature(
        name=f"overnight_share_{length}",
        unit="share",
        look_back=length + 1,
        formula=f"sum_{length} o^2 / sum_{length}(o^2 + c^2)",
        compute=compute,
        needs=("open", "close"),
        keeps=("overnight", "intraday"),
        source="Hansen & Lunde 2005, J. Financial Econometrics 3(4)",
    )


def _downside_share(length: int) -> Feature:
    def compute(bars: History) -> Series:
        downside = bars.trailing_mean("downside_square", length)
        return downside / bars.trailing_mean("squared_return", length)

    return Feature(
        name=f"downside_share_{length}",
        unit="share",
        look_back=length + 1,
        formula=f"sum_{length} min(r, 0)^2 / sum_{length} r^2",
        compute=compute,
        source="Patton & Sheppard 2015, Rev. Economics and Statistics 97(3)",
    )


def _skewness(length: int) -> Feature:
    def compute(bars: History) -> Series:
        square = bars.trailing_mean("squared_return", length)
        return np.arcsinh(bars.trailing_mean("cubed_return", length) / square**1.5)

    return Feature(
        name=f"skewness_{length}",
        unit="asinh",
        look_back=length + 1,
        formula=f"asinh(mean_{length} r^3 / (mean_{length} r^2)^1.5)",
        compute=compute,
        source="Amaya, Christoffersen, Jacobs & Vasquez 2015, J. Financial Economics 118(1)",
    )


VARIANCES: tuple[Feature, ...] = (
    *(
        Feature(
            name=f"log_{quantity}_{n}",
            unit="log ratio",
            look_back=max(n, 22),
            formula=f"log(mean_{n} {words} / s^2 + 0.01)",
            compute=log_ratio(quantity, n),
            needs=needs,
            keeps=(quantity,),
            source=source,
        )
        for quantity, words, needs, source in _SESSIONS
        for n in (1, 5, 22, 66)
    ),
    *(_yang_zhang(n) for n in (5, 22, 66)),
    *(_overnight_share(n) for n in (22, 66)),
    *(_downside_share(n) for n in (22, 66)),
    *(_skewness(n) for n in (66, 252)),
)
