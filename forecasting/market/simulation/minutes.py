"""Minute bars inside the path of a day, with its open, close and volume.

The daily path is kept at its points (open, then every sixteenth of the session's variance). Between
two of them lies a Brownian bridge at half-minutes; a jump comes at once, at the beginning of its
step. Whoever watches more points sees a wider range: the minutes reach at least as far as the daily
bar's high and low. Held inside, they would turn back at extremes that nobody knows before the close
and be foreseeable. Inside a step each ticker moves on its own. Variance and volume are U-shaped
over the session: proportional to 1 + 3 u^2 with u from -1 at the open to 1 at the close, four times
as much at the ends as at noon.

Source: Andersen & Bollerslev (1997), Intraday periodicity and volatility persistence in financial
markets, J. Empirical Finance 4 (the U; the parabola is ours).
"""

import numpy as np
from jaxtyping import Float

from forecasting.market.simulation.paths import DayPaths
from forecasting.market.simulation.shocks import STEPS

SESSION_MINUTES = 390
"""Minutes from 09:30 to 16:00."""

_PATH_STREAM, _VOLUME_STREAM = 2, 3
_VOLUME_NOISE = 0.5  # standard deviation of a minute's log volume about the U

Points = Float[np.ndarray, "day ticker point"]
Minutes = Float[np.ndarray, "day ticker minute"]


def elapsed_variance(minutes: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """Share of the session's variance that lies before a time.

    The integral of 1 + 3 u^2 over u, scaled to go from 0 to 1.

    Args:
        minutes: Since the open.
    """
    u = 2 * minutes / SESSION_MINUTES - 1
    return (u + u**3 + 2) / 4


class MinuteBars:
    """Draws the minutes of one day after the other.

    Args:
        seed: Of the market; the minutes have streams of their own.
    """

    def __init__(self, seed: int) -> None:
        self._path = np.random.default_rng([seed, _PATH_STREAM])
        self._volume = np.random.default_rng([seed, _VOLUME_STREAM])
        half_minutes = elapsed_variance(np.arange(0, SESSION_MINUTES + 0.5, 0.5))
        knots = np.linspace(0, 1, STEPS + 1)
        self._time = np.union1d(half_minutes, knots)
        self._knots = np.searchsorted(self._time, knots)
        self._edges = np.searchsorted(self._time, half_minutes[::2])
        # Each time's step of the day, and how far into it the time lies, 0 to 1.
        self._step = np.clip(np.searchsorted(knots, self._time, side="right") - 1, 0, STEPS - 1)
        self._within = self._time * STEPS - self._step

    def draw(self, block: DayPaths, volume: Float[np.ndarray, "day ticker"]) -> dict[str, Minutes]:
        """The minutes of the next days, which have to come in order.

        Args:
            block: Their paths.
            volume: Shares traded on each day.

        Returns:
            `open`, `high`, `low`, `close` and `volume`; a bar opens where the last one closed.
        """
        path = self._log_prices(block)
        first, last = self._edges[:-1], self._edges[1:]
        closes = path[:, :, last]
        return {
            "open": np.exp(path[:, :, first]),
            "high": np.exp(np.maximum(np.maximum.reduceat(path, first, axis=2), closes)),
            "low": np.exp(np.minimum(np.minimum.reduceat(path, first, axis=2), closes)),
            "close": np.exp(closes),
            "volume": self._share_out(volume),
        }

    def _log_prices(self, block: DayPaths) -> Points:
        knots = block.log_price
        smooth = knots if block.jumped is None else knots - block.jumped
        path = self._path.normal(size=(*block.volatility.shape, len(self._time)))
        path *= np.sqrt(np.diff(self._time, prepend=0.0))
        np.cumsum(path, axis=2, out=path)
        path *= block.volatility[:, :, None]
        # A bridge: the walk's own values at the points are replaced by those of the day's path.
        error = smooth - path[:, :, self._knots]
        path += error[:, :, self._step]
        path += np.diff(error, axis=2)[:, :, self._step] * self._within
        if block.jumped is not None:
            path += block.jumped[:, :, self._step + 1]
        path[:, :, self._knots] = knots
        return path

    def _share_out(self, volume: Float[np.ndarray, "day ticker"]) -> Minutes:
        """Whole shares a minute that add up to the day's."""
        profile = np.diff(elapsed_variance(np.arange(SESSION_MINUTES + 1.0)))
        shape = (*volume.shape, SESSION_MINUTES)
        share = profile * np.exp(self._volume.normal(0.0, _VOLUME_NOISE, shape))
        traded = np.cumsum(share, axis=2)
        traded *= (volume / traded[:, :, -1])[:, :, None]
        np.round(traded, out=traded)
        traded[:, :, -1] = volume
        return np.diff(traded, axis=2, prepend=0.0)
