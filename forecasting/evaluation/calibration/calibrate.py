"""Calibrate the forecasts of a history as it goes: each bar uses what was known at its close."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecasting.errors import DataError
from forecasting.evaluation.calibration.band_tracking import REACH, BandTrack, track_bands
from forecasting.evaluation.calibration.groups import TickerGroups, named_groups, volatility_groups
from forecasting.evaluation.calibration.outcomes import bars_of, outcome_scores
from forecasting.forecast.band_warp import BAND_LEVELS, model_level
from forecasting.forecast.calibrated_law import CalibratedLaw
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.forecaster import Forecaster
from forecasting.market.panel import Panel, start_of

LEARNING_RATE = 0.03
"""Learning rate at one bar ahead; at h bars, whose outcomes overlap, it is this over sqrt(h).

Chosen on validation spans alone, those of the bundled sample and of forty other stocks: of rates
from 0.02 to 0.1 over h^(1/2), h^(3/4) and h, the one that left the fewest calendar years with a
coverage outside 88-92 % at no cost in mean log score over the three horizons.
"""

Groups = Mapping[str, Hashable]


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibrated forecast, and what its bands have learnt.

    Attributes:
        forecast: The forecast, of calibrated laws.
        track: The bands of every bar.
        groups: Tickers that share them.
    """

    forecast: Forecast
    track: BandTrack
    groups: TickerGroups

    def state(self) -> pd.DataFrame:
        """Where the bands stand after the last bar, one row a horizon, group and band.

        Columns: horizon, group, tickers (how many), level (of the band), model_level (what the
        model's law calls that band), log_scale (k, see `band_tracking`), feedback (dates on which
        outcomes became known), at_bound (whether the band is as far or as near as it can get).
        """
        called = model_level(self.track.threshold[-1])
        sizes = np.bincount(self.groups.members, minlength=len(self.groups.names))
        rows = [
            {
                "horizon": horizon,
                "group": group,
                "tickers": int(sizes[g]),
                "level": level,
                "model_level": float(called[j, g, i]),
                "log_scale": float(self.track.log_scale[j, g, i]),
                "feedback": int(self.track.feedback[j, g]),
                "at_bound": bool(abs(self.track.log_scale[j, g, i]) > np.log(REACH)),
            }
            for j, horizon in enumerate(self.forecast.horizons)
            for g, group in enumerate(self.groups.names)
            for i, level in enumerate(BAND_LEVELS)
        ]
        return pd.DataFrame(rows)


def calibrate(
    forecast: Forecast,
    prices: Panel,
    *,
    groups: Groups | None = None,
    learning_rate: float | int = LEARNING_RATE,
    start: np.datetime64 | str | None = None,
) -> Forecast:
    """The forecast with bands that follow the outcomes, as `<name> (calibrated)`.

    The law made at bar t is adapted by the outcomes known at the close of t, of forecasts made from
    `start` on; until the first of them it is the model's. See `run_calibration` for the arguments.
    """
    return run_calibration(
        forecast, prices, groups=groups, learning_rate=learning_rate, start=start
    ).forecast


def run_calibration(
    forecast: Forecast,
    prices: Panel,
    *,
    groups: Groups | None = None,
    learning_rate: float | int = LEARNING_RATE,
    start: np.datetime64 | str | None = None,
) -> Calibration:
    """Calibrate a forecast, and keep what the bands have learnt.

    Args:
        forecast: Forecasts of a stretch of bars.
        prices: The bars that were forecast, with what lies before them; bars after the last
            forecast are not looked at.
        groups: Ticker to the group whose feedback it shares. By default all share it if they are
            fewer than ten; else terciles of the volatility before the first calibrated bar.
        learning_rate: At one bar ahead, > 0; see `LEARNING_RATE`.
        start: First origin whose outcomes count; None for the first forecast.

    Raises:
        DataError: A ticker has no group, or the learning rate is not positive.
        ValueError: The forecast is not of a stretch of these prices.
    """
    if not 0 < learning_rate < np.inf:
        raise DataError(f"learning rate {learning_rate} came: expected a positive number.")
    bars, first = bars_of(forecast, prices)
    began = _first_origin(forecast, start)
    shared = volatility_groups(bars, first + began) if groups is None else None
    shared = shared or named_groups(forecast.tickers, groups or {})
    score, label_end = outcome_scores(forecast, bars, first)
    score[:began] = np.nan
    rate = learning_rate / np.sqrt(forecast.horizons)
    track = track_bands(score, label_end, shared.members, rate, len(shared.names))
    threshold = np.moveaxis(track.threshold[:, :, shared.members], 1, 2)
    calibrated = replace(
        forecast,
        name=f"{forecast.name} (calibrated)",
        law=CalibratedLaw(forecast.law, np.ascontiguousarray(threshold)),
        notes=(*forecast.notes, *shared.notes, _how_far(track, forecast.horizons)),
    )
    return Calibration(calibrated, track, shared)


@dataclass(frozen=True)
class Calibrated:
    """A forecaster whose forecasts are calibrated on the prices that it is shown.

    Attributes:
        forecaster: Who forecasts.
        groups: See `run_calibration`; as all settings below.
        learning_rate: At one bar ahead.
        start: First origin whose outcomes count.
    """

    forecaster: Forecaster
    groups: Groups | None = None
    learning_rate: float | int = LEARNING_RATE
    start: str | None = None

    @property
    def name(self) -> str:
        """Who forecasts, and that it is calibrated."""
        return f"{self.forecaster.name} (calibrated)"

    @property
    def horizons(self) -> tuple[int, ...]:
        """Bars ahead, ascending."""
        return self.forecaster.horizons

    def forecast(self, prices: Panel) -> Forecast:
        """Forecast every bar of every ticker."""
        return calibrate(
            self.forecaster.forecast(prices),
            prices,
            groups=self.groups,
            learning_rate=self.learning_rate,
            start=self.start,
        )


def _how_far(track: BandTrack, horizons: tuple[int, ...]) -> str:
    """What calibration did in the end, in words."""
    if not track.feedback.any():
        return "No outcome is known yet: the calibrated bands are the model's."
    levels = 100 * model_level(track.threshold[-1, :, :, BAND_LEVELS.index(0.9)])
    moved = []
    for horizon, of_groups in zip(horizons, levels, strict=True):
        low, high = (f"{level:.1f}" for level in (of_groups.min(), of_groups.max()))
        called = low if low == high else f"{low} to {high}"
        moved.append(f"{called} % at {horizon} bar{'s' if horizon > 1 else ''}")
    far = int((np.abs(track.log_scale) > np.log(REACH)).sum())
    bound = f" {far} bands are as far from the model's as they can get." if far else ""
    return (
        f"Calibrated on the outcomes of up to {track.feedback.max():,} dates: the 90 % band is the "
        f"one that the model's law calls {', '.join(moved)}.{bound}"
    )


def _first_origin(forecast: Forecast, start: np.datetime64 | str | None) -> int:
    """Index of the first bar that has a forecast and is not before `start`."""
    begin = 0 if start is None else start_of(forecast.times, start)
    made = np.flatnonzero(np.logical_or.reduce(forecast.law.known, axis=(1, 2))[begin:])
    return begin + int(made[0]) if len(made) else len(forecast.times)
