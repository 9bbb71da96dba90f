"""Log-HAR-t: tomorrow's variance from variance over a day, a week, a month and a quarter.

log(mean variance of the next h bars / s_t^2 + floor) is regressed on the same quantity over the
last 1, 5, 22 and 66 bars and on log s_t, pooled over tickers. Variance is the range variance where
there are ranges, else the squared return; s_t is the EWMA volatility. A Student-t around zero then
takes exp(fitted / 2) s_t sqrt(h) as its scale, up to a constant fitted by maximum likelihood.

Source: Corsi (2009), A Simple Approximate Long-Memory Model of Realized Volatility, Journal of
Financial Econometrics 7(2); in logs as in Andersen, Bollerslev & Diebold (2007), equation 14.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from sklearn.linear_model import LinearRegression

from forecasting.evaluation.baselines.baseline import (
    Baseline,
    Calibration,
    RowLaws,
    weighted_sum,
)
from forecasting.forecast.student_t import StudentT
from forecasting.market.features.history import ticker_bars
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences
from forecasting.market.volatility import trailing_mean

WINDOWS = (1, 5, 22, 66)
# The same floor as in the features: one bar that does not move has no logarithm.
_FLOOR = 0.01


@dataclass(eq=False, kw_only=True)
class LogHarT(Baseline):
    """Pooled log-HAR regression, calibrated.

    Attributes:
        measure: Features to predict from, such as `log_realized_range`, one a window; None for
            ranges where there are any, else squares.
    """

    name: str = "log-HAR-t"
    measure: ClassVar[str | None] = None
    intercept: Float[np.ndarray, " horizon"]
    weights: Float[np.ndarray, "horizon predictor"]
    calibration: Calibration

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "LogHarT":
        """Fit the regression by least squares, then scale and degrees of freedom by likelihood."""
        predictors = har_predictors(sequences, cls.measure)
        response = future_log_variance(sequences, decay)
        regression = LinearRegression().fit(predictors[rows], response[rows])
        intercept, weights = regression.intercept_, regression.coef_
        log_variance = _log_variance(predictors[rows], intercept, weights)
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            intercept=intercept,
            weights=weights,
            calibration=Calibration.of(sequences.targets[rows] / np.exp(log_variance / 2)),
        )

    def laws(self, sequences: Sequences) -> StudentT:
        """Location zero, scale from the regression, constant degrees of freedom."""
        predictors = har_predictors(sequences, self.measure)
        log_variance = _log_variance(predictors, self.intercept, self.weights)
        scale = sequences.return_scale() * np.exp(log_variance / 2) * self.calibration.scale
        df = np.broadcast_to(self.calibration.df, scale.shape)
        return StudentT(np.zeros_like(scale), scale, df)


def har_predictors(
    sequences: Sequences, measure: str | None = None
) -> Float[np.ndarray, "row predictor"]:
    """Log variance ratios over 1, 5, 22 and 66 bars, as `LogHarT.measure`, and log s_t."""
    ranged = "log_range_1" in sequences.feature_names
    kind = measure or ("log_range" if ranged else "log_square")
    names = [*(f"{kind}_{n}" for n in WINDOWS), "log_volatility"]
    return np.column_stack([sequences.feature(name) for name in names]).astype(float)


def future_log_variance(sequences: Sequences, decay: float) -> RowLaws:
    """log(mean variance of the next h bars / s_t^2 + 0.01); NaN where they are not there yet.

    Known at the same bar as the target of that row and horizon.
    """
    ranged = "log_range_1" in sequences.feature_names
    response = np.full(sequences.targets.shape, np.nan)
    for k in range(len(sequences.panel.tickers)):
        own = sequences.rows(k)
        origins, bars = ticker_bars(sequences.panel, k, decay)
        at = np.searchsorted(origins, sequences.origin[own])
        variance = bars.range_variance if ranged else bars.log_return**2
        for j, h in enumerate(sequences.horizons):
            ahead = np.full(len(origins), np.nan)
            ahead[: max(0, len(origins) - h)] = trailing_mean(variance, h)[h:]
            response[own, j] = np.log(ahead[at] / bars.volatility[at] ** 2 + _FLOOR)
    return response


def _log_variance(
    predictors: Float[np.ndarray, "row predictor"],
    intercept: Float[np.ndarray, " horizon"],
    weights: Float[np.ndarray, "horizon predictor"],
) -> RowLaws:
    return np.column_stack([weighted_sum(predictors, w) for w in weights]) + intercept
