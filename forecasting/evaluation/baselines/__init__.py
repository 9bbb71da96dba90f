"""The forecasters that a network has to beat, all behind the same protocol as the network."""

from forecasting.evaluation.baselines.baseline import Baseline as Baseline
from forecasting.evaluation.baselines.ewma import EwmaT as EwmaT
from forecasting.evaluation.baselines.gjr_garch import GjrGarchT as GjrGarchT
from forecasting.evaluation.baselines.linear import LinearT as LinearT
from forecasting.evaluation.baselines.log_har import LogHarT as LogHarT
