"""Information alarm: a forecast of returns that is too good to be true knows what it must not.

The best that is published for daily bars is a rank correlation of 0.06, and a monthly R2 of 0.4 %.
An alarm needs two things at once: the estimate lies beyond a limit that no honest forecast of
prices comes near, and beyond what luck would do (3.09 Newey-West standard errors above what a
forecast without information gets). A span too short to tell the limit from luck is no pass.

    statistic       limit at h bars                       without information
    IC, rank IC     0.2                                   0
    direction       0.56; above one bar, base rate + 0.06 base rate max(share up, share down)
    R2              0.01 h, at most 0.04                   0

A direction of 56 % is an IC of 0.19 (1/2 + arcsin(IC) / pi), an IC of 0.2 an R2 of 4 %.

Sources: Gu, Kelly & Xiu (2020), Empirical Asset Pricing via Machine Learning, RFS 33(5), table 1;
Yang et al. (2020), Qlib, benchmark tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from forecasting.evaluation.audit.correlation import (
    CERTAINTY,
    Axis,
    Dates,
    Estimate,
    Grid,
    estimate,
    over_dates,
    products,
)
from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel
from forecasting.market.targets import future_log_returns

INFORMATION_ALARM = "information alarm"
IC_LIMIT = 0.2
DIRECTION_LIMIT, DIRECTION_MARGIN = 0.56, 0.06
R2_LIMIT = 0.01
LEAST_TELLING = 60
"""Dates below which nothing passes: there the error itself is too uncertain."""


@dataclass(frozen=True)
class Statistic:
    """How much a forecast, or a feature, seems to know.

    Attributes:
        name: `IC`, `rank IC` (both across tickers), `IC over time`, `rank IC over time`,
            `direction`, `R2`, or a feature's name with one of the first four.
        horizon: Bars ahead.
        estimate: The statistic less what would be had without information, and its error.
        base: What would be had without information.
        limit: Beyond it the statistic is too good to be true.
    """

    name: str
    horizon: int
    estimate: Estimate
    base: float
    limit: float

    @property
    def value(self) -> float:
        """The statistic."""
        return self.base + self.estimate.value

    @property
    def alarming(self) -> bool:
        """Whether it is beyond its limit, and not by luck."""
        return self.value > self.limit and self.estimate.surely_above(0.0)

    @property
    def telling(self) -> bool:
        """Whether there are dates enough to tell the limit from luck."""
        few = self.estimate.n_dates < LEAST_TELLING
        return not few and CERTAINTY * self.estimate.error < self.limit - self.base

    def __str__(self) -> str:
        return (
            f"{self.name} at {self.horizon} bar{'s' if self.horizon > 1 else ''} {self.value:.3f} "
            f"+- {self.estimate.error:.3f} (limit {self.limit:.2f})"
        )


def information_alarm(forecast: Forecast, span: Panel, *, stage: str = "network") -> Finding:
    """Whether a forecast's means and directions are too good to be true.

    Args:
        forecast: Of the bars of the span.
        span: Prices on which the outcomes become known; members only, where there is a universe.
        stage: What is blamed.

    Raises:
        ValueError: The forecast is not of the bars and tickers of the span.
    """
    require_aligned(forecast, span)
    found = forecast_statistics(forecast, span)
    if forecast.law.known.any() and not np.nan_to_num(forecast.mean).any():
        said = "no mean or direction is forecast that could be too good"
        return Finding(INFORMATION_ALARM, stage, Outcome.PASSED, said)
    return _conclude(found, stage)


def feature_alarm(
    features: Float[np.ndarray, "time ticker feature"],
    names: Sequence[str],
    span: Panel,
    *,
    stage: str = "features",
) -> Finding:
    """Whether a single feature goes together with the return of the next bar, in either direction.

    Args:
        features: Claimed to be known at the close of each bar; NaN where there is none.
        names: Of the feature axis.
        span: Prices of the same bars.
        stage: What is blamed.
    """
    returns = outcomes(span, (1,))[:, :, 0]
    found = [
        _absolute(statistic, name)
        for j, name in enumerate(names)
        for statistic in coefficients(features[:, :, j].astype(float), returns, 1)
    ]
    return _conclude(found, stage)


def require_aligned(forecast: Forecast, span: Panel) -> None:
    """Refuse a forecast of other bars.

    Raises:
        ValueError: It is not of the bars and tickers of the span.
    """
    if not np.array_equal(forecast.times, span.times) or forecast.tickers != span.tickers:
        raise ValueError(
            f"the forecast of {forecast.name} is not of the bars that it is audited on"
        )


def forecast_statistics(forecast: Forecast, span: Panel) -> list[Statistic]:
    """Every statistic of every horizon that the forecast makes a claim for."""
    returns = outcomes(span, forecast.horizons)
    mean, rise = forecast.mean, forecast.prob_up()
    return [
        statistic
        for j, horizon in enumerate(forecast.horizons)
        for statistic in (
            *coefficients(mean[:, :, j], returns[:, :, j], horizon),
            *_direction(rise[:, :, j], returns[:, :, j], horizon),
            *_explained(mean[:, :, j], returns[:, :, j], horizon),
        )
    ]


def outcomes(span: Panel, horizons: tuple[int, ...]) -> Float[np.ndarray, "time ticker horizon"]:
    """Log returns over the next h bars, decimal; NaN where unknown or outside the universe."""
    returns, _ = future_log_returns(span, horizons)
    if span.member is not None:
        returns[~span.member] = np.nan
    return returns


def coefficients(values: Grid, returns: Grid, horizon: int) -> Iterator[Statistic]:
    """Information coefficients, Pearson's and Spearman's, across tickers and over time."""
    axes: tuple[tuple[Axis, str], ...] = ((1, ""), (0, " over time"))
    for axis, where in axes:
        for ranked, kind in ((False, "IC"), (True, "rank IC")):
            dates = over_dates(products(values, returns, axis=axis, ranked=ranked))
            yield from _statistic(kind + where, horizon, dates, 0.0, IC_LIMIT)


def _direction(rise: Grid, returns: Grid, horizon: int) -> Iterator[Statistic]:
    """Share of moves whose sign was said, against always saying the more frequent one."""
    said = np.where((rise != 0.5) & (returns != 0), np.sign(rise - 0.5) * np.sign(returns), np.nan)
    up = np.where(np.isnan(said), np.nan, returns > 0)
    share = over_dates(up)
    if not len(share):
        return
    often = up if share.mean() >= 0.5 else 1 - up
    base = float(over_dates(often).mean())
    limit = DIRECTION_LIMIT if horizon == 1 else base + DIRECTION_MARGIN
    yield from _statistic("direction", horizon, over_dates((said > 0) - often), base, limit)


def _explained(mean: Grid, returns: Grid, horizon: int) -> Iterator[Statistic]:
    """R2 against zero, 1 - sum (r - m)^2 / sum r^2, with the error of the ratio of two means."""
    gain = over_dates(np.where(mean != 0, returns**2 - (returns - mean) ** 2, np.nan))
    total = over_dates(np.where((mean != 0) & np.isfinite(mean), returns**2, np.nan))
    if not total.any():
        return
    r2 = gain.mean() / total.mean()
    # Linear in its dates, with the ratio's mean and, to first order, its error.
    dates = r2 + (gain - r2 * total) / total.mean()
    yield from _statistic("R2", horizon, dates, 0.0, min(R2_LIMIT * horizon, IC_LIMIT**2))


def _statistic(
    name: str, horizon: int, dates: Dates, base: float, limit: float
) -> Iterator[Statistic]:
    """The statistic of these dates, if they are enough for an error."""
    found = estimate(dates, horizon)
    if np.isfinite(found.error):
        yield Statistic(name, horizon, found, base, limit)


def _absolute(statistic: Statistic, name: str) -> Statistic:
    size = Estimate(
        abs(statistic.estimate.value), statistic.estimate.error, statistic.estimate.n_dates
    )
    return Statistic(f"{name}: |{statistic.name}|", statistic.horizon, size, 0.0, statistic.limit)


def _conclude(statistics: Sequence[Statistic], stage: str) -> Finding:
    """One finding of many statistics: the worst of them, or how far the nearest one stays away."""
    alarms = [each for each in statistics if each.alarming]
    telling = [each for each in statistics if each.telling]
    if alarms:
        worst = max(alarms, key=_nearness)
        said = f"{worst}; {len(alarms)} of {len(statistics)} statistics are too good to be true"
        return Finding(INFORMATION_ALARM, stage, Outcome.FAILED, said)
    # The R2 of a small mean is known exactly on a handful of dates, and says little.
    if all(each.name == "R2" for each in telling):
        said = "too few dates to tell what is too good to be true from luck"
        return Finding(INFORMATION_ALARM, stage, Outcome.NOT_RUN, said)
    said = f"{len(telling)} statistics, the nearest to its limit: {max(telling, key=_nearness)}"
    if blind := len(statistics) - len(telling):
        said += f"; {blind} more cannot be told from luck on so few dates"
    return Finding(INFORMATION_ALARM, stage, Outcome.PASSED, said)


def _nearness(statistic: Statistic) -> float:
    """How much of the way from no information to the limit it has gone."""
    return statistic.estimate.value / (statistic.limit - statistic.base)
