"""What all baselines share: rows in, a `Forecast` out, and the calibration of its Student-t."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from forecasting.forecast.fit import fit_student_t
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences, make_sequences

RowLaws = Float[np.ndarray, "row horizon"]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scale and degrees of freedom that standardised residuals turned out to have, per horizon."""

    scale: Float[np.ndarray, " horizon"]
    df: Float[np.ndarray, " horizon"]

    @classmethod
    def of(cls, residuals: RowLaws) -> "Calibration":
        """Fit a zero-location Student-t to each horizon's residuals by maximum likelihood."""
        fits = [fit_student_t(column) for column in np.ascontiguousarray(residuals.T)]
        return cls(np.array([fit.scale for fit in fits]), np.array([fit.df for fit in fits]))


@dataclass(eq=False, kw_only=True)
class Baseline(ABC):
    """A `Forecaster` that was fitted once on training rows and then stays as it is.

    Attributes:
        name: How tables call it.
        variant: Feature variant that it was fitted on.
        horizons: Bars ahead.
        decay: Weight of the past in the EWMA volatility.
    """

    name: str = "baseline"
    variant: str
    horizons: tuple[int, ...]
    decay: float

    @classmethod
    @abstractmethod
    def fit(
        cls,
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> "Baseline":
        """Fit on the rows whose labels were known when the test began.

        Args:
            sequences: Features and targets.
            rows: Training rows; their targets are all there.
            decay: The decay that `sequences` were made with.
        """

    @abstractmethod
    def laws(self, sequences: Sequences) -> StudentT:
        """The law of every row and horizon, decimal log return."""

    def notes(self, sequences: Sequences) -> tuple[str, ...]:
        """What a reader of the forecasts of these rows has to know."""
        return ()

    def forecast(self, prices: Panel) -> Forecast:
        """Forecast every bar of every ticker; NaN where the history is too short.

        Raises:
            DataError: The prices lack the columns that the baseline was fitted on.
        """
        return self.forecast_rows(
            make_sequences(prices, variant=self.variant, horizons=self.horizons, decay=self.decay)
        )

    def forecast_rows(self, sequences: Sequences) -> Forecast:
        """Forecast rows that are already made, with this baseline's variant and horizons."""
        return Forecast(
            name=self.name,
            times=sequences.panel.times,
            tickers=sequences.panel.tickers,
            horizons=self.horizons,
            price=sequences.panel.column("adj_close"),
            law=self.laws(sequences).map(sequences.to_grid),
            notes=self.notes(sequences),
        )


def weighted_sum(
    columns: Float[np.ndarray, "row feature"], weights: Float[np.ndarray, " feature"]
) -> Float[np.ndarray, " row"]:
    """Sum of columns times weights, column after column.

    A matrix product may round a row differently when the number of rows changes; here the forecast
    of a bar is the same to the last bit whatever bars follow.
    """
    total = np.zeros(len(columns))
    for j, weight in enumerate(weights):
        total += columns[:, j] * weight
    return total
