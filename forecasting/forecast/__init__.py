"""The `Forecast` value, its closed forms and the `Forecaster` protocol."""

from forecasting.forecast.forecast import Forecast as Forecast
from forecasting.forecast.forecaster import Forecaster as Forecaster
