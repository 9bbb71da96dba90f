"""The network: mixers, feed-forwards, the backbone they stack into, and the heads."""

from forecasting.nn.network import ForecastNetwork as ForecastNetwork
from forecasting.nn.quantile_head import Quantiles as Quantiles
from forecasting.nn.student_t_head import StudentT as StudentT
from forecasting.nn.student_t_head import student_t_nll as student_t_nll
