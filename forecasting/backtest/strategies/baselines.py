"""What a forecast has to beat: strategies that look at past prices alone, or at nothing.

They hold tickers that have a forecast, so that all accounts choose from the same ones. Reversal and
momentum rank tickers where there are at least `LEAST_RANKED`; fewer are judged each by itself.
"""

import numpy as np
from jaxtyping import Float

from forecasting.backtest.strategies.past_returns import past_return, past_volatility
from forecasting.backtest.strategies.ranking import require_two_sides
from forecasting.backtest.strategies.scores import rank
from forecasting.backtest.strategies.volatility_target import inverse_shares
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel

LEAST_RANKED = 4


def equal_weight(forecast: Forecast) -> Float[np.ndarray, "time ticker"]:
    """The same weight in every ticker that has a forecast; gross 1. A benchmark."""
    count = forecast.mask.sum(axis=1, keepdims=True)
    return np.where(forecast.mask, 1 / np.maximum(count, 1), 0.0)


def inverse_volatility(
    forecast: Forecast, *, prices: Panel, lookback: int = 63
) -> Float[np.ndarray, "time ticker"]:
    """Long every ticker in proportion to 1 / its past volatility; gross 1. A benchmark.

    The volatility is the standard deviation of the last `lookback` log returns between the ticker's
    own bars; without that history, or where the price stood still, it is not held.

    Args:
        forecast: Which tickers may be held.
        prices: Whole history of the tickers.
        lookback: Returns, at least 2.

    Raises:
        ConfigError: `lookback` is too short.
    """
    _require_bars("lookback", lookback, 2)
    return inverse_shares(past_volatility(forecast, prices, lookback))


def reversal(forecast: Forecast, *, prices: Panel, top_k: int) -> Float[np.ndarray, "time ticker"]:
    """Long yesterday's losers, short its winners, by the log return over one own bar. A benchmark.

    The `top_k` worst are bought and the best sold short, in equal parts, net 0 and gross 1. Fewer
    than 4 tickers are not ranked and `top_k` is not used: each has the weight -sign(return) / their
    number.

    Args:
        forecast: Which tickers may be held.
        prices: Whole history of the tickers.
        top_k: Tickers on each side, at most half of them.

    Raises:
        ConfigError: `top_k` does not fit the forecast.

    Source: Jegadeesh (1990), Evidence of predictable behavior of security returns, Journal of
    Finance 45(3), there over a month.
    """
    return _by_score(forecast, -past_return(forecast, prices, 1), top_k, "reversal")


def momentum(
    forecast: Forecast, *, prices: Panel, top_k: int, lookback: int = 252, skip: int = 21
) -> Float[np.ndarray, "time ticker"]:
    """Long the winners of the last year without its last month, short the losers. A benchmark.

    The score is the log return from `lookback` to `skip` own bars ago; without that history a
    ticker has none. The `top_k` best are bought and the worst sold short, in equal parts, net 0 and
    gross 1. Fewer than 4 tickers are not ranked and `top_k` is not used: each has the weight
    sign(return) / their number.

    Args:
        forecast: Which tickers may be held.
        prices: Whole history of the tickers.
        top_k: Tickers on each side, at most half of them.
        lookback: Own bars, above `skip`.
        skip: Own bars that are left out at the end.

    Raises:
        ConfigError: A parameter does not fit.

    Source: Jegadeesh & Titman (1993), Returns to buying winners and selling losers, Journal of
    Finance 48(1); of each ticker by itself: Moskowitz, Ooi & Pedersen (2012), Time series momentum,
    Journal of Financial Economics 104(2).
    """
    _require_bars("skip", skip, 0)
    _require_bars("lookback", lookback, skip + 1)
    return _by_score(forecast, past_return(forecast, prices, lookback, skip), top_k, "momentum")


def _by_score(
    forecast: Forecast, score: np.ndarray, top_k: int, strategy: str
) -> Float[np.ndarray, "time ticker"]:
    """Ranked where there are enough tickers, else each by the sign of its score."""
    n_tickers = len(forecast.tickers)
    if n_tickers < LEAST_RANKED:
        return np.sign(np.where(np.isfinite(score), score, 0.0)) / n_tickers
    require_two_sides(top_k, n_tickers, strategy)
    return rank(score).long_short(top_k)


def _require_bars(name: str, bars: int, least: int) -> None:
    if bars < least:
        raise ConfigError(f"{name} = {bars}: expected at least {least}. Correct it.")
