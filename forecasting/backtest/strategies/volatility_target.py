"""Volatility targeting: always long, as much as the predicted volatility allows."""

import numpy as np
from jaxtyping import Float

from forecasting.backtest.strategies.scores import horizon_index
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast


def volatility_target(
    forecast: Forecast,
    *,
    bars_per_year: float,
    horizon: int = 1,
    target_volatility: float = 0.10,
    correlation: float = 0.3,
    max_leverage: float = 1.5,
) -> Float[np.ndarray, "time ticker"]:
    """Long every forecast ticker, inversely to its volatility, scaled to a portfolio volatility.

    With annual volatilities s, weights u ~ 1 / s that add up to 1 and one correlation c for every
    pair, the portfolio's variance is (1 - c) sum (u s)^2 + c (sum u s)^2; u is multiplied by
    min(target / volatility, max_leverage). A ticker of infinite variance (df of 2 or less) is not
    held.

    Args:
        forecast: What is known at each close.
        bars_per_year: Turns volatility over `horizon` bars into volatility over a year.
        horizon: Which of the forecast's horizons the volatility is taken from, in bars.
        target_volatility: Of the portfolio, decimal a year.
        correlation: Assumed for every pair of tickers, 0 to 1.
        max_leverage: Largest gross exposure, share of equity.

    Raises:
        ConfigError: A parameter lies outside its range.
    """
    for name, value in (("target_volatility", target_volatility), ("max_leverage", max_leverage)):
        if not 0 < value <= 10:
            raise ConfigError(f"{name} = {value:g}: expected above 0, at most 10. Correct it.")
    if not 0 <= correlation <= 1:
        raise ConfigError(f"correlation = {correlation:g}: expected 0 to 1. Correct it.")
    column = horizon_index(forecast, horizon)
    annual = forecast.volatility[:, :, column] * np.sqrt(bars_per_year / horizon)
    shares = inverse_shares(np.where(forecast.mask, annual, np.nan))
    risk = shares * np.where(shares > 0, annual, 1.0)
    variance = (1 - correlation) * (risk**2).sum(axis=1) + correlation * risk.sum(axis=1) ** 2
    capped = np.sqrt(variance) * max_leverage <= target_volatility
    leverage = np.where(
        capped, max_leverage, target_volatility / np.sqrt(np.where(capped, 1.0, variance))
    )
    return shares * leverage[:, None]


def inverse_shares(
    volatility: Float[np.ndarray, "time ticker"],
) -> Float[np.ndarray, "time ticker"]:
    """Shares ~ 1 / volatility that add up to 1; 0 where that is not positive and finite."""
    held = np.isfinite(volatility) & (volatility > 0)
    inverse = held / np.where(held, volatility, 1.0)
    total = inverse.sum(axis=1, keepdims=True)
    return np.divide(inverse, total, out=np.zeros_like(inverse), where=total > 0)
