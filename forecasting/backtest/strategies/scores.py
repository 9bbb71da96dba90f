"""Scores of tickers at one bar, and their places in the ranking of that bar.

Scores that are equal are ranked in the order of the tickers. Answers are shared between plans on
the same forecast and cannot be written to.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from forecasting.backtest.strategies.remembered import remembered
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast


@dataclass(frozen=True, eq=False)
class Ranking:
    """Who comes first on each bar.

    Attributes:
        place: 0 the highest score; those without a score last.
        present: Who has a score.
        decided: Bars with at least two different scores, a column to broadcast over tickers.
    """

    place: Int[np.ndarray, "time ticker"]
    present: Bool[np.ndarray, "time ticker"]
    decided: Bool[np.ndarray, "time 1"]

    @property
    def count(self) -> Int[np.ndarray, "time 1"]:
        """Tickers with a score."""
        return self.present.sum(axis=1, keepdims=True)

    def long_short(self, top_k: int) -> Float[np.ndarray, "time ticker"]:
        """The first `top_k` bought, the last sold short, in equal parts; net 0, gross 1.

        Zero on a bar with fewer than 2 `top_k` scores, or without two different ones.
        """
        count = self.count
        sides = (self.place < top_k).astype(float)
        sides -= (self.place >= count - top_k) & self.present
        return np.where((count >= 2 * top_k) & self.decided, sides / (2 * top_k), 0.0)

    def long_only(self, top_k: int) -> Float[np.ndarray, "time ticker"]:
        """The first `top_k` bought in equal parts; gross 1.

        Zero on a bar with fewer than `top_k` scores, or without two different ones.
        """
        chosen = (self.count >= top_k) & self.decided & (self.place < top_k)
        return np.where(chosen, 1 / top_k, 0.0)


def rank(score: Float[np.ndarray, "time ticker"]) -> Ranking:
    """The ranking of scores, NaN where there is none."""
    present = np.isfinite(score)
    best_first = np.argsort(np.where(present, -score, np.inf), axis=1, kind="stable")
    place = np.empty_like(best_first)
    np.put_along_axis(place, best_first, np.arange(score.shape[1])[None, :], axis=1)
    highest = np.where(present, score, -np.inf).max(axis=1, keepdims=True)
    lowest = np.where(present, score, np.inf).min(axis=1, keepdims=True)
    return Ranking(_shared(place), _shared(present), _shared(highest > lowest))


@remembered
def expected_over_volatility(forecast: Forecast, horizon: int) -> Float[np.ndarray, "time ticker"]:
    """Expected log return over predicted volatility at `horizon`; NaN where nothing is forecast.

    Raises:
        ConfigError: The forecast has no such horizon.
    """
    law = forecast.law[:, :, horizon_index(forecast, horizon)]
    return _shared(np.where(forecast.mask, law.mean / law.standard_deviation(), np.nan))


@remembered
def ranking_at(forecast: Forecast, horizon: int) -> Ranking:
    """The ranking by expected log return over predicted volatility at one horizon.

    Raises:
        ConfigError: The forecast has no such horizon.
    """
    return rank(expected_over_volatility(forecast, horizon))


@remembered
def ranking_of_all(forecast: Forecast) -> Ranking:
    """The ranking by the mean over all horizons of the standardised scores.

    At each bar and horizon the scores are centred on their mean over the tickers and divided by
    their standard deviation; a horizon whose scores are all equal says 0.
    """
    total = np.zeros(forecast.mask.shape)
    present = np.asarray(forecast.mask)
    for horizon in forecast.horizons:
        score = expected_over_volatility(forecast, horizon)
        count = np.maximum(np.isfinite(score).sum(axis=1, keepdims=True), 1)
        known = np.where(np.isfinite(score), score, 0.0)
        centred = np.where(
            np.isfinite(score), known - known.sum(axis=1, keepdims=True) / count, 0.0
        )
        spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
        differ = ranking_at(forecast, horizon).decided
        total += np.divide(centred, spread, out=np.zeros_like(centred), where=differ)
        present = present & np.isfinite(score)
    return rank(np.where(present, total / len(forecast.horizons), np.nan))


@remembered
def predicted_quantile(
    forecast: Forecast, horizon: int, level: float
) -> Float[np.ndarray, "time ticker"]:
    """Quantile of the log return over a horizon; NaN where nothing is forecast.

    Raises:
        ConfigError: The forecast has no such horizon.
    """
    law = forecast.law[:, :, horizon_index(forecast, horizon)]
    return _shared(np.where(forecast.mask, law.quantile(level), np.nan))


def horizon_index(forecast: Forecast, horizon: int) -> int:
    """Place of a horizon among the forecast's.

    Raises:
        ConfigError: The forecast has no such horizon.
    """
    if horizon not in forecast.horizons:
        raise ConfigError(
            f"horizon = {horizon}: {forecast.name} forecasts "
            f"{', '.join(map(str, forecast.horizons))} bars ahead. Choose one of these."
        )
    return forecast.horizons.index(horizon)


def _shared(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values
