"""The market model: beta to the mean return of the tickers, and what it leaves over.

m is the mean of the returns of the tickers that trade at the bar, so that all of them have to come
at once. The return of a ticker after a halt is paired with the market's return of that bar alone.
"""

import numpy as np

from forecasting.market.features.bars import Series
from forecasting.market.features.feature import Feature
from forecasting.market.features.history import History
from forecasting.market.features.surprises import FLOOR

_MONTH, _QUARTER, _YEAR = 22, 66, 252
_SHARPE = "Sharpe 1963, Management Science 9(2)"


def _covariance_and_beta(bars: History, length: int) -> tuple[Series, Series]:
    """Trailing covariance with the market's returns, and the slope of the regression on them."""
    own, market = (bars.trailing_mean(name, length) for name in ("log_return", "market"))
    covariance = bars.trailing_mean("return_times_market", length) - own * market
    variance = bars.trailing_mean("squared_market", length) - market**2
    return covariance, covariance / variance


def _residual_variance(bars: History, length: int) -> Series:
    covariance, beta = _covariance_and_beta(bars, length)
    mean = bars.trailing_mean("log_return", length)
    return bars.trailing_mean("squared_return", length) - mean**2 - beta * covariance


def _beta(length: int) -> Feature:
    return Feature(
        name=f"beta_{length}",
        unit="asinh",
        look_back=length + 1,
        formula=f"asinh(beta), beta = cov(r, m) / var(m) over {length}",
        compute=lambda bars: np.arcsinh(_covariance_and_beta(bars, length)[1]),
        keeps=("market",),
        source=_SHARPE,
    )


def _idiosyncratic(length: int) -> Feature:
    def compute(bars: History) -> Series:
        _, beta = _covariance_and_beta(bars, _YEAR)
        own, market = (bars.trailing_mean(name, length) for name in ("log_return", "market"))
        return np.arcsinh((own - beta * market) * length / (bars.volatility * np.sqrt(length)))

    return Feature(
        name=f"idiosyncratic_{length}",
        unit="asinh of s",
        look_back=_YEAR + 1,
        formula=f"asinh(sum_{length}(r - beta m) / (s sqrt {length})), beta over {_YEAR}",
        compute=compute,
        keeps=("market",),
        source="Blitz, Huij & Martens 2011, J. Empirical Finance 18(3)",
    )


MARKET_MODEL: tuple[Feature, ...] = (
    *(_beta(n) for n in (_QUARTER, _YEAR)),
    *(_idiosyncratic(n) for n in (1, _MONTH)),
    Feature(
        name=f"log_idiosyncratic_{_QUARTER}",
        unit="log ratio",
        look_back=_QUARTER + 1,
        formula=f"log(var(r - beta m) / s^2 + 0.01) over {_QUARTER}",
        compute=lambda bars: np.log(
            _residual_variance(bars, _QUARTER) / bars.volatility**2 + FLOOR
        ),
        keeps=("market",),
        source="Ang, Hodrick, Xing & Zhang 2006, J. Finance 61(1)",
    ),
)
