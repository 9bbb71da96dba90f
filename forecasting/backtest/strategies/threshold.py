"""Probability threshold: held while the chance of a rise is high enough."""

import numpy as np
from jaxtyping import Bool, Float

from forecasting.backtest.strategies.remembered import remembered
from forecasting.backtest.strategies.scores import horizon_index
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast


def probability_threshold(
    forecast: Forecast,
    *,
    horizon: int = 5,
    enter: float = 0.55,
    exit: float = 0.5,
    short: bool = False,
) -> Float[np.ndarray, "time ticker"]:
    """Long from P(up) > `enter` until P(up) < `exit`; gross at most 1.

    Each ticker that is in has the weight 1 / number of tickers with a forecast on that bar. With
    `short` a ticker is sold short from P(up) < 1 - `enter` until P(up) > 1 - `exit`. A bar without
    a forecast ends a position. Whether a ticker is in hangs on the forecasts of all bars before, so
    the first bars of a forecast know less than later ones.

    Args:
        forecast: What is known at each close.
        horizon: Which of the forecast's horizons the chance is taken from, in bars.
        enter: Chance above which a position begins, `exit` to 1.
        exit: Chance below which it ends, 0.5 to `enter`.
        short: Whether a ticker may be sold short.

    Raises:
        ConfigError: A threshold lies outside its range, or the forecast has no such horizon.
    """
    if not 0.5 <= exit <= enter < 1:
        raise ConfigError(
            f"enter = {enter:g}, exit = {exit:g}: expected 0.5 <= exit <= enter < 1. Correct them."
        )
    up = _chance(forecast, horizon)
    sides = _between(up > enter, (up < exit) | ~forecast.mask).astype(float)
    if short:
        sides -= _between(up < 1 - enter, (up > 1 - exit) | ~forecast.mask)
    return sides / np.maximum(forecast.mask.sum(axis=1, keepdims=True), 1)


@remembered
def _chance(forecast: Forecast, horizon: int) -> Float[np.ndarray, "time ticker"]:
    """P(up) at one horizon; 0.5, which begins and keeps nothing, where there is no forecast."""
    law = forecast.law[:, :, horizon_index(forecast, horizon)]
    return np.where(forecast.mask, law.exceedance(np.zeros(law.shape)), 0.5)


def _between(
    begins: Bool[np.ndarray, "time ticker"], ends: Bool[np.ndarray, "time ticker"]
) -> Bool[np.ndarray, "time ticker"]:
    """Where the last of both that happened is a beginning."""
    bars = np.arange(len(begins))[:, None]
    begun = np.maximum.accumulate(np.where(begins, bars, -1), axis=0)
    ended = np.maximum.accumulate(np.where(ends, bars, -1), axis=0)
    return begun > ended
