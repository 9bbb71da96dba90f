"""Label-shift canary: what a forecast knows of labels that are not its own.

The forecast made at bar t is scored against the return of the next h bars (shift 0), against the h
bars after those (shift 1), and against the h bars that end at t itself (shift -1), which it knew.
Three profiles give a leak away that a plain score does not:

later label   It knows the label of shift 1 better than its own: features or labels are misaligned.
no collapse   It knows both alike, and far better than can be: it knows the level of the whole
              sample, as after scaling with the whole sample's mean.
spike         What it says of volatility goes better with the size of its own label than with both
              neighbours'. Volatility that is foreseen honestly is a matter of the past: it goes
              best with the bar just seen and ever less with later ones. So a spike is knowledge of
              the label itself, such as the range of its bar. The same of the cells that a test
              leaves out: left out by what is known, they are no more unusual than their neighbours.

Each needs a difference beyond a limit and 3.09 standard errors, as in the information alarm.
Volatility within a day has an honest rhythm, so spikes are looked for in daily and longer bars.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool

from forecasting.evaluation.audit.correlation import (
    Axis,
    Estimate,
    Grid,
    estimate,
    over_dates,
    products,
)
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.evaluation.audit.information import require_aligned
from forecasting.forecast.forecast import Forecast
from forecasting.market.intervals import is_intraday
from forecasting.market.panel import Panel
from forecasting.market.targets import future_log_returns

LABEL_SHIFT = "label shift"
LATER_LIMIT = 0.1
"""By how much the IC of the later label may exceed that of the own one, times sqrt(h): the longer
the labels, the fewer there are, and a slow forecast meets few of them."""
COLLAPSE_LIMIT = 0.1
"""IC that no honest forecast has at both shifts."""
SPIKE_LIMIT = 0.1
"""By how much the rank correlation with the own label's size may exceed those of its neighbours."""
SELECTION_LIMIT = 0.1
"""By how much the mean rank (0 to 1) of labels left out may exceed those of their neighbours."""


@dataclass(frozen=True)
class Suspicion:
    """One profile over the shifts of the label.

    Attributes:
        name: What was compared, in words.
        estimate: By how much the own label is known better than it may be.
        limit: Beyond it there is a leak.
    """

    name: str
    estimate: Estimate
    limit: float

    @property
    def alarming(self) -> bool:
        """Whether it is beyond its limit, and not by luck."""
        return self.estimate.value > self.limit and self.estimate.surely_above(0.0)

    def __str__(self) -> str:
        return (
            f"{self.name} {self.estimate.value:.3f} +- {self.estimate.error:.3f} "
            f"(limit {self.limit:.2f})"
        )


def label_shift(forecast: Forecast, span: Panel, *, stage: str = "network") -> Finding:
    """Score a forecast's mean and volatility against shifted labels.

    Args:
        forecast: Of the bars of the span.
        span: Prices on which the outcomes become known.
        stage: What is blamed.

    Raises:
        ValueError: The forecast is not of the bars and tickers of the span.
    """
    require_aligned(forecast, span)
    found: list[Suspicion] = []
    for j, horizon in enumerate(forecast.horizons):
        labels = shifted_labels(span, horizon)
        found += _mean_profiles(forecast.mean[:, :, j], labels, horizon)
        if not is_intraday(span.interval):
            found += _volatility_profile(forecast.volatility[:, :, j], labels, horizon)
    return _conclude(found, stage)


def selection_shift(
    scored: Bool[np.ndarray, "time ticker"], span: Panel, *, stage: str = "test filter"
) -> Finding:
    """Whether the cells that are left out of a test were chosen by what happened next.

    Args:
        scored: Origins that enter the scores, out of those that have a bar.
        span: Prices on which the outcomes become known.
        stage: What is blamed.
    """
    labels = shifted_labels(span, 1)
    dropped = ~scored & np.isfinite(labels[1])
    if not dropped.any():
        said = "no bar with a known outcome is left out"
        return Finding(LABEL_SHIFT, stage, Outcome.PASSED, said)
    kinds = {"large": np.abs, "high": np.positive, "low": np.negative}
    found: list[Suspicion] = []
    for kind, order in kinds.items():
        ranks = [np.where(dropped, _rank(order(label)), np.nan) for label in labels]
        found += _spike(f"{kind} labels left out", ranks, 1, SELECTION_LIMIT)
    return _conclude(found, stage)


def shifted_labels(span: Panel, horizon: int) -> tuple[Grid, Grid, Grid]:
    """Log returns of h bars that end at, begin at, and begin h bars after each bar.

    Bars are the ticker's own; NaN where there are none, and at bars of no member.
    """
    own = future_log_returns(span, (horizon,))[0][:, :, 0]
    before, later = np.full_like(own, np.nan), np.full_like(own, np.nan)
    for k in range(own.shape[1]):
        rows = np.flatnonzero(span.mask[:, k])
        before[rows[horizon:], k] = own[rows[:-horizon], k]
        later[rows[:-horizon], k] = own[rows[horizon:], k]
    if span.member is not None:
        for label in (before, own, later):
            label[~span.member] = np.nan
    return before, own, later


def _mean_profiles(mean: Grid, labels: tuple[Grid, Grid, Grid], horizon: int) -> list[Suspicion]:
    found: list[Suspicion] = []
    axes: tuple[tuple[Axis, str], ...] = ((1, "IC"), (0, "IC over time"))
    limit = LATER_LIMIT * horizon**0.5
    for axis, name in axes:
        own, later = (products(mean, label, axis=axis) for label in labels[1:])
        of = f"{name} at {_bars(horizon)}"
        found += _smallest(f"later label of {of}", [later - own], horizon, limit)
        if horizon == 1:  # a mean of many bars may honestly outlast them
            found += _smallest(f"no collapse of {of}", [own, later], horizon, COLLAPSE_LIMIT)
    return found


def _volatility_profile(
    volatility: Grid, labels: tuple[Grid, Grid, Grid], horizon: int
) -> list[Suspicion]:
    known = np.where(np.isfinite(volatility), volatility, np.nan)
    profile = [products(known, np.abs(label), axis=0, ranked=True) for label in labels]
    return _spike(f"volatility at {_bars(horizon)}", profile, horizon, SPIKE_LIMIT)


def _spike(of: str, profile: list[Grid], horizon: int, limit: float) -> list[Suspicion]:
    before, own, later = profile
    return _smallest(f"spike of {of}", [own - before, own - later], horizon, limit)


def _smallest(name: str, grids: list[Grid], horizon: int, limit: float) -> list[Suspicion]:
    """A suspicion that needs all of these means to be beyond the limit; none on too few dates."""
    # Two labels one after the other: neighbours overlap by twice the horizon.
    estimates = [estimate(over_dates(grid), 2 * horizon) for grid in grids]
    if not all(np.isfinite(each.error) for each in estimates):
        return []
    return [Suspicion(name, min(estimates, key=lambda each: each.value), limit)]


def _bars(horizon: int) -> str:
    return f"{horizon} bar{'s' if horizon > 1 else ''}"


def _rank(values: Grid) -> Grid:
    """Rank of each bar of a ticker among its own, from 0 to 1."""
    return pd.DataFrame(values).rank(axis=0, pct=True).to_numpy()


def _conclude(found: list[Suspicion], stage: str) -> Finding:
    if not found:
        said = "nothing varies on dates enough for a test"
        return Finding(LABEL_SHIFT, stage, Outcome.NOT_RUN, said)
    worst = max(found, key=lambda each: (each.alarming, each.estimate.value / each.limit))
    if worst.alarming:
        alarms = sum(each.alarming for each in found)
        said = f"{worst}; {alarms} of {len(found)} profiles are those of a leak"
        return Finding(LABEL_SHIFT, stage, Outcome.FAILED, said)
    said = f"{len(found)} profiles, the nearest to its limit: {worst}"
    return Finding(LABEL_SHIFT, stage, Outcome.PASSED, said)
