"""Strategies that rank the tickers of a bar: the best are bought, the worst sold short."""

import numpy as np
from jaxtyping import Float

from forecasting.backtest.strategies.scores import ranking_at, ranking_of_all
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast


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
    require_two_sides(top_k, len(forecast.tickers), "long_short")
    return ranking_at(forecast, horizon).long_short(top_k)


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
    _require_two(len(forecast.tickers), "long_only")
    _require_between(top_k, len(forecast.tickers), "the number of tickers")
    return ranking_at(forecast, horizon).long_only(top_k)


def horizon_ensemble(forecast: Forecast, *, top_k: int) -> Float[np.ndarray, "time ticker"]:
    """As `long_short`, ranked by all horizons at once; net 0, gross 1.

    The score is the mean over the horizons of expected log return over predicted volatility, at
    each bar and horizon less its mean over the tickers and divided by its standard deviation over
    them: sum_h (s_h - mean s_h) / sd s_h / H. A horizon that tells no ticker from another has no
    vote.

    Args:
        forecast: What is known at each close.
        top_k: Tickers on each side, at most half of them.

    Raises:
        ConfigError: `top_k` does not fit the forecast.
    """
    require_two_sides(top_k, len(forecast.tickers), "horizon_ensemble")
    return ranking_of_all(forecast).long_short(top_k)


def require_two_sides(top_k: int, n_tickers: int, strategy: str) -> None:
    """Refuse a `top_k` that two sides cannot both have.

    Raises:
        ConfigError: Fewer than two tickers, or a `top_k` above half of them.
    """
    _require_two(n_tickers, strategy)
    _require_between(top_k, n_tickers // 2, "half the tickers, bought and sold alike")


def _require_two(n_tickers: int, strategy: str) -> None:
    if n_tickers < 2:
        raise ConfigError(f"{strategy} needs at least two tickers, one was given. Name more.")


def _require_between(top_k: int, most: int, why: str) -> None:
    if not 1 <= top_k <= most:
        raise ConfigError(f"top_k = {top_k}: expected 1 to {most} ({why}). Correct top_k.")
