"""Portfolios that an optimiser finds at each decision: mean-variance and minimum CVaR, by skfolio.

Both look at the last `lookback` log returns of a bar of the tickers with a forecast, moved so that
each ticker's mean is what the forecast expects: expected log return over the horizon / horizon.
Nothing is sold short. An optimiser is called for each decision and takes about 10 ms, so only those
rows are worked out; the others are zero.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from forecasting.backtest.strategies.past_returns import adjusted_closes, on_rows
from forecasting.backtest.strategies.scores import horizon_index
from forecasting.errors import ConfigError, DataError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel, day

PRESENT = 0.9
"""Share of the bars looked back on that a ticker has to have; bars that one lacks are left out."""
_LEAST_LOOKBACK = 20


def mean_variance(
    forecast: Forecast,
    *,
    prices: Panel,
    decides: Bool[np.ndarray, " time"],
    horizon: int = 5,
    risk_aversion: float = 5.0,
    lookback: int = 252,
    max_weight: float = 0.25,
) -> Float[np.ndarray, "time ticker"]:
    """Max w' mu - risk_aversion / 2 w' S w over 0 <= w <= `max_weight`, sum w <= 1; rest in cash.

    mu is what the forecast expects a bar, S the covariance of past returns, shrunk by Ledoit and
    Wolf.

    Args:
        forecast: What is known at each close.
        prices: Whole history of the tickers.
        decides: Rows on which an order is sent.
        horizon: Which of the forecast's horizons the expected return is taken from, in bars.
        risk_aversion: Of the utility, above 0.
        lookback: Bars looked back on, at least 20.
        max_weight: Largest weight of one ticker, share of equity.

    Raises:
        ConfigError: skfolio is not installed, or a parameter does not fit.
        DataError: The optimiser found no solution on a bar.

    Source: Markowitz (1952), Portfolio selection, Journal of Finance 7(1); Ledoit & Wolf (2004), A
    well-conditioned estimator for large-dimensional covariance matrices, Journal of Multivariate
    Analysis 88(2).
    """
    _require("risk_aversion", risk_aversion, 1e-3, 1e3)
    optimiser = _optimiser(
        objective="maximize_utility",
        risk_aversion=risk_aversion / 2,
        max_weights=max_weight,
        budget=None,
        max_budget=1.0,
    )
    return _optimised(optimiser, forecast, prices, decides, horizon, lookback, max_weight)


def minimum_cvar(
    forecast: Forecast,
    *,
    prices: Panel,
    decides: Bool[np.ndarray, " time"],
    horizon: int = 5,
    confidence: float = 0.95,
    lookback: int = 252,
    max_weight: float = 0.25,
) -> Float[np.ndarray, "time ticker"]:
    """Min CVaR of w' r over 0 <= w <= `max_weight`, sum w = 1, on the past returns moved to mu.

    CVaR is the mean loss of a bar in the worst 1 - `confidence` share of the returns looked back
    on. Where the caps of all tickers add up to less than 1 each has its cap.

    Args:
        forecast: What is known at each close.
        prices: Whole history of the tickers.
        decides: Rows on which an order is sent.
        horizon: Which of the forecast's horizons the expected return is taken from, in bars.
        confidence: Of the CVaR, 0.5 to 0.99.
        lookback: Bars looked back on, at least 20.
        max_weight: Largest weight of one ticker, share of equity.

    Raises:
        ConfigError: skfolio is not installed, or a parameter does not fit.
        DataError: The optimiser found no solution on a bar.

    Source: Rockafellar & Uryasev (2000), Optimization of conditional value-at-risk, Journal of Risk
    2(3).
    """
    _require("confidence", confidence, 0.5, 0.99)
    optimiser = _optimiser(
        objective="minimize_risk", cvar_beta=confidence, max_weights=max_weight, budget=1.0
    )
    return _optimised(optimiser, forecast, prices, decides, horizon, lookback, max_weight)


def _optimiser(objective: str, **settings: Any) -> Any:
    """A skfolio optimiser."""
    try:
        from skfolio import RiskMeasure
        from skfolio.moments import LedoitWolf
        from skfolio.optimization import MeanRisk, ObjectiveFunction
        from skfolio.prior import EmpiricalPrior
    except ImportError as error:
        raise ConfigError(
            "this strategy needs skfolio: install it with pip install 'forecasting[portfolio]'."
        ) from error
    return MeanRisk(
        objective_function=ObjectiveFunction(objective),
        risk_measure=RiskMeasure.CVAR if "cvar_beta" in settings else RiskMeasure.VARIANCE,
        prior_estimator=EmpiricalPrior(covariance_estimator=LedoitWolf()),
        **settings,
    )


def _optimised(
    optimiser: Any,
    forecast: Forecast,
    prices: Panel,
    decides: np.ndarray,
    horizon: int,
    lookback: int,
    max_weight: float,
) -> Float[np.ndarray, "time ticker"]:
    """The optimiser's weights on the rows that decide."""
    _require("lookback", lookback, _LEAST_LOOKBACK, 1e6)
    _require("max_weight", max_weight, 1e-3, 1)
    expected = forecast.mean[:, :, horizon_index(forecast, horizon)] / horizon
    log_price = np.log(adjusted_closes(forecast, prices))
    rows = on_rows(forecast, prices)
    # A solver's last digits depend on the order of the tickers: it is always that of their names.
    in_order = np.argsort(np.array(forecast.tickers))
    weights = np.zeros(forecast.mask.shape)
    for t in np.flatnonzero(decides):
        if rows[t] < lookback:
            continue
        past = log_price[rows[t] - lookback : rows[t] + 1]
        able = forecast.mask[t] & (np.isfinite(past).mean(axis=0) >= PRESENT)
        held = in_order[able[in_order]]
        returns = np.diff(past[:, held], axis=0)
        returns = returns[np.isfinite(returns).all(axis=1)]
        if not len(held) or len(returns) < _LEAST_LOOKBACK:
            continue
        moved = returns - returns.mean(axis=0) + expected[t, held]
        if optimiser.budget is not None and len(held) * max_weight <= 1:
            weights[t, held] = max_weight
        else:
            weights[t, held] = _solved(optimiser, moved, forecast.times[t])
    return weights


def _solved(optimiser: Any, returns: np.ndarray, time: np.datetime64) -> np.ndarray:
    """The weights of one bar, to a basis point of equity: beyond that is the solver's noise."""
    try:
        found = np.asarray(optimiser.fit(returns).weights_, dtype=float)
    except Exception as error:
        raise DataError(
            f"skfolio found no portfolio on {day(time)} ({type(error).__name__}): expected returns "
            "that differ. Leave out tickers that stand still, or look back on more bars."
        ) from error
    return np.round(found, 4) + 0.0


def _require(name: str, value: float | int, least: float | int, most: float | int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{name} = {value:g}: expected {least:g} to {most:g}. Correct it.")
