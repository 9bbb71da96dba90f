"""The forecasters that a network has to beat, all behind the same protocol as the network."""

from forecasting.evaluation.baselines.baseline import Baseline as Baseline
from forecasting.evaluation.baselines.boosted_trees import BoostedTreesT as BoostedTreesT
from forecasting.evaluation.baselines.climatology import ClimatologyT as ClimatologyT
from forecasting.evaluation.baselines.egarch import EgarchT as EgarchT
from forecasting.evaluation.baselines.ewma import EwmaT as EwmaT
from forecasting.evaluation.baselines.garch import GarchT as GarchT
from forecasting.evaluation.baselines.gjr_garch import GjrGarchT as GjrGarchT
from forecasting.evaluation.baselines.linear import LinearT as LinearT
from forecasting.evaluation.baselines.log_har import LogHarT as LogHarT
from forecasting.evaluation.baselines.registry import BASELINES as BASELINES
from forecasting.evaluation.baselines.registry import forecast_baselines as forecast_baselines
from forecasting.evaluation.baselines.rolling_volatility import (
    RollingVolatilityT as RollingVolatilityT,
)
