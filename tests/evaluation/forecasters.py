"""Forecasters with known faults, to be judged in the tests."""

from dataclasses import dataclass, replace

import numpy as np

from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


@dataclass
class Volatility:
    """Student-t with six degrees of freedom around the EWMA volatility, times a factor.

    Attributes:
        factor: 0.85 is about right, anything else is worse.
        shift: Location in units of the scale.
        first: Bars at the beginning without a forecast.
    """

    name: str
    factor: float = 0.85
    shift: float = 0.0
    first: int = 0
    horizons: tuple[int, ...] = (1, 5, 21)

    def forecast(self, prices: Panel) -> Forecast:
        sequences = make_sequences(prices, variant="close", horizons=self.horizons)
        scale = sequences.to_grid(self.factor * sequences.return_scale())
        scale[: self.first] = np.nan
        return Forecast(
            self.name,
            prices.times,
            prices.tickers,
            self.horizons,
            prices.column("adj_close"),
            StudentT(self.shift * scale, scale, np.full_like(scale, 6.0)),
            notes=(f"{self.name} is made up.",),
        )


@dataclass
class Seer:
    """Knows what comes: location half of the true return."""

    name: str = "seer"
    horizons: tuple[int, ...] = (1, 5, 21)

    def forecast(self, prices: Panel) -> Forecast:
        sequences = make_sequences(prices, variant="close", horizons=self.horizons)
        forecast = Volatility(self.name, horizons=self.horizons).forecast(prices)
        future = sequences.to_grid(np.nan_to_num(sequences.targets) * sequences.return_scale())
        return replace(forecast, law=replace(forecast.law, loc=future / 2))
