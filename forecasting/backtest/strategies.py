"""Strategies: pure functions from a `Forecast` to target weights, signed shares of equity.

The weights of bar t use the forecasts made at the close of bar t and nothing else, and are zero
where there is no forecast. When they are traded is not their business: see `plan` and `engine`.
Scores that are equal are ranked in the order of the tickers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast


@dataclass(frozen=True)
class Strategy:
    """A way of choosing weights, and whether it ever trades a second time."""

    weights: Callable[..., np.ndarray]
    buys_once: bool = False


def long_short(
    forecast: Forecast, *, top_k: int, horizon: int = 5
) -> Float[np.ndarray, "time ticker"]:
    """Long the `top_k` best and short the `top_k` worst tickers; net 0, gross 1.

    Tickers are ranked by expected log return over predicted volatility. A bar with fewer than
    2 `top_k` forecasts, or on which all scores are equal, has nothing to rank: zero weights.

    Args:
        forecast: What is known at each close.
        top_k: Tickers on each side, at most half of them.
        horizon: Which of the forecast's horizons is ranked, in bars.

    Raises:
        ConfigError: `top_k` or `horizon` does not fit the forecast.
    """
    _check_top_k(top_k, len(forecast.tickers) // 2, "half the tickers, bought and sold alike")
    score = expected_over_volatility(forecast, horizon)
    place, present = _places(score)
    count = present.sum(axis=1, keepdims=True)
    ranked = (count >= 2 * top_k) & _differ(score)
    sides = (place < top_k).astype(float) - ((place >= count - top_k) & present)
    return np.where(ranked, sides / (2 * top_k), 0.0)


def long_only(
    forecast: Forecast, *, top_k: int, horizon: int = 5
) -> Float[np.ndarray, "time ticker"]:
    """Equal weights in the `top_k` tickers of highest expected return over volatility; gross 1.

    A bar with fewer than `top_k` forecasts, or on which all scores are equal, has nothing to
    choose: zero weights.

    Args:
        forecast: What is known at each close.
        top_k: Tickers that are held.
        horizon: Which of the forecast's horizons is ranked, in bars.

    Raises:
        ConfigError: `top_k` or `horizon` does not fit the forecast.
    """
    _check_top_k(top_k, len(forecast.tickers), "the number of tickers")
    score = expected_over_volatility(forecast, horizon)
    place, present = _places(score)
    chosen = (present.sum(axis=1, keepdims=True) >= top_k) & _differ(score)
    return np.where(chosen & (place < top_k), 1 / top_k, 0.0)


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
    column = _horizon_index(forecast, horizon)
    annual = forecast.volatility[:, :, column] * np.sqrt(bars_per_year / horizon)
    held = forecast.mask & np.isfinite(annual)
    annual = np.where(held, annual, 1.0)
    inverse = held / annual
    total = inverse.sum(axis=1, keepdims=True)
    shares = np.divide(inverse, total, out=np.zeros_like(inverse), where=total > 0)
    risk = shares * annual
    variance = (1 - correlation) * (risk**2).sum(axis=1) + correlation * risk.sum(axis=1) ** 2
    capped = np.sqrt(variance) * max_leverage <= target_volatility
    leverage = np.where(
        capped, max_leverage, target_volatility / np.sqrt(np.where(capped, 1.0, variance))
    )
    return shares * leverage[:, None]


def equal_weight(forecast: Forecast) -> Float[np.ndarray, "time ticker"]:
    """The same weight in every ticker that has a forecast; gross 1. A benchmark."""
    count = forecast.mask.sum(axis=1, keepdims=True)
    return np.where(forecast.mask, 1 / np.maximum(count, 1), 0.0)


STRATEGIES = {
    "long_short": Strategy(long_short),
    "long_only": Strategy(long_only),
    "volatility_target": Strategy(volatility_target),
    "buy_and_hold": Strategy(equal_weight, buys_once=True),
    "equal_weight": Strategy(equal_weight),
}
BENCHMARKS = ("buy_and_hold", "equal_weight")


def expected_over_volatility(forecast: Forecast, horizon: int) -> Float[np.ndarray, "time ticker"]:
    """Expected log return over predicted volatility at `horizon`; NaN where nothing is forecast.

    Raises:
        ConfigError: The forecast has no such horizon.
    """
    column = _horizon_index(forecast, horizon)
    score = forecast.mean[:, :, column] / forecast.volatility[:, :, column]
    return np.where(forecast.mask, score, np.nan)


def _horizon_index(forecast: Forecast, horizon: int) -> int:
    if horizon not in forecast.horizons:
        raise ConfigError(
            f"horizon = {horizon}: {forecast.name} forecasts "
            f"{', '.join(map(str, forecast.horizons))} bars ahead. Choose one of these."
        )
    return forecast.horizons.index(horizon)


def _check_top_k(top_k: int, most: int, why: str) -> None:
    if most < 1:
        raise ConfigError("long_short needs at least two tickers, one was given. Name more.")
    if not 1 <= top_k <= most:
        raise ConfigError(f"top_k = {top_k}: expected 1 to {most} ({why}). Correct top_k.")


def _places(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of each ticker, 0 the best and those without a score last; and who has a score."""
    present = np.isfinite(score)
    best_first = np.argsort(np.where(present, -score, np.inf), axis=1, kind="stable")
    return np.argsort(best_first, axis=1, kind="stable"), present


def _differ(score: np.ndarray) -> np.ndarray:
    """Whether a bar has two different scores; a column, to broadcast over tickers."""
    highest = np.where(np.isfinite(score), score, -np.inf).max(axis=1, keepdims=True)
    lowest = np.where(np.isfinite(score), score, np.inf).min(axis=1, keepdims=True)
    return highest > lowest
