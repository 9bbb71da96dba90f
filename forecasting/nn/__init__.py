"""The network: mixers, feed-forwards, the backbone they stack into, and the Student-t head."""

from forecasting.nn.head import StudentT as StudentT
from forecasting.nn.head import student_t_nll as student_t_nll
from forecasting.nn.network import ForecastNetwork as ForecastNetwork
