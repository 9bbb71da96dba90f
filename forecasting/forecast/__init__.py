"""The `Forecast` value, the laws it consists of and the `Forecaster` protocol."""

from forecasting.forecast.forecast import Forecast as Forecast
from forecasting.forecast.forecaster import Forecaster as Forecaster
from forecasting.forecast.quantile_law import QuantileLaw as QuantileLaw
from forecasting.forecast.student_t import StudentT as StudentT
