"""The built-in strategies by name, and the benchmarks that every backtest shows."""

from forecasting.backtest.strategies.baselines import (
    equal_weight,
    inverse_volatility,
    momentum,
    reversal,
)
from forecasting.backtest.strategies.kelly import kelly
from forecasting.backtest.strategies.optimised import mean_variance, minimum_cvar
from forecasting.backtest.strategies.ranking import horizon_ensemble, long_only, long_short
from forecasting.backtest.strategies.strategy import Strategy
from forecasting.backtest.strategies.threshold import probability_threshold
from forecasting.backtest.strategies.volatility_target import volatility_target

STRATEGIES = {
    "long_short": Strategy(
        long_short,
        "long the best and short the worst by expected return over volatility",
        least_tickers=2,
    ),
    "long_only": Strategy(
        long_only, "the best by expected return over volatility", least_tickers=2
    ),
    "horizon_ensemble": Strategy(
        horizon_ensemble, "long_short by the mean score over all horizons", least_tickers=2
    ),
    "volatility_target": Strategy(
        volatility_target, "all, by predicted volatility, scaled to a volatility of the portfolio"
    ),
    "kelly": Strategy(kelly, "a fraction of the growth-optimal weight under each predictive law"),
    "probability_threshold": Strategy(
        probability_threshold, "in while the predicted chance of a rise is high enough"
    ),
    "mean_variance": Strategy(
        mean_variance,
        "expected return less risk, optimised over past covariances",
        extra="portfolio",
    ),
    "minimum_cvar": Strategy(
        minimum_cvar,
        "least mean loss in the worst bars, optimised over past returns",
        extra="portfolio",
    ),
    "buy_and_hold": Strategy(equal_weight, "all in equal parts, bought once", buys_once=True),
    "equal_weight": Strategy(equal_weight, "all in equal parts"),
    "inverse_volatility": Strategy(inverse_volatility, "all, by past volatility"),
    "reversal": Strategy(reversal, "long the last bar's losers, short its winners"),
    "momentum": Strategy(momentum, "long the last year's winners without the last month's part"),
}
"""All of them hold nothing where nothing is forecast."""

BENCHMARKS = ("buy_and_hold", "equal_weight", "inverse_volatility", "reversal", "momentum")
"""What every backtest is compared with; none of them looks at a forecast."""
