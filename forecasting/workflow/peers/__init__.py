"""Models of other packages behind the protocol of the baselines; each needs the extra `peers`.

They are no part of the registry of baselines, for they bring torch: fit one on the training rows as
a baseline is, and pass it to `evaluate` among the `rivals`.
"""

from forecasting.workflow.peers.chronos_adapter import ChronosAdapter as ChronosAdapter
from forecasting.workflow.peers.neuralforecast_adapter import (
    NeuralForecastAdapter as NeuralForecastAdapter,
)
