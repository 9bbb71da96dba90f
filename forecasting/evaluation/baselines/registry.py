"""Which baselines stand beside every model.

Each law is a Student-t of the h-bar log return, fitted once on the training rows; s_t is the EWMA
volatility. Each stands in the file of its name. What is tuned is chosen on the last fifth of the
dates of these rows, purged (`tuning`), for each horizon where that makes sense.

| name                 | law                                       | tuned                      |
|----------------------|-------------------------------------------|----------------------------|
| EWMA-t               | t(0, c_h s_t sqrt(h)), the reference      | nothing; decay 0.94        |
| climatology-t        | t(m h, c_h v_t sqrt(h)), v_t^2 the mean   | how much all tickers weigh |
|                      | of all squared returns so far             | in v_t; whether m is zero  |
| rolling-volatility-t | t(0, c_h v_t sqrt(h)), v_t over n_h bars  | n_h                        |
| GARCH-t              | a variance recursion a ticker, expected   | nothing                    |
|                      | variances summed over h bars              |                            |
| GJR-GARCH-t          | the same; falls weigh more                | nothing                    |
| EGARCH-t             | the same, in log variance                 | nothing                    |
| log-HAR-t            | log variance linear in that of a day, a   | nothing                    |
|                      | week, a month and a quarter               |                            |
| linear-t             | location, log scale linear in all features| ridge of the location      |
| boosted-trees-t      | log variance by trees on all features     | number of trees            |

The GRU twin is trained with every model. Adding a baseline is one file with a `Baseline` (plus its
line in the registry, or among the `kinds` of a call).
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool

from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.evaluation.baselines.boosted_trees import BoostedTreesT
from forecasting.evaluation.baselines.climatology import ClimatologyT
from forecasting.evaluation.baselines.egarch import EgarchT
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.baselines.garch import GarchT
from forecasting.evaluation.baselines.gjr_garch import GjrGarchT
from forecasting.evaluation.baselines.linear import LinearT
from forecasting.evaluation.baselines.log_har import LogHarT
from forecasting.evaluation.baselines.rolling_volatility import RollingVolatilityT
from forecasting.forecast.forecast import Forecast
from forecasting.market.sequences import Sequences

BASELINES: tuple[type[Baseline], ...] = (
    EwmaT,
    ClimatologyT,
    RollingVolatilityT,
    GarchT,
    GjrGarchT,
    EgarchT,
    LogHarT,
    LinearT,
    BoostedTreesT,
)
"""All of them, the reference first."""


def forecast_baselines(
    sequences: Sequences,
    rows: Bool[np.ndarray, " row"],
    start: np.datetime64,
    *,
    decay: float,
    progress: Callable[[str], None],
    kinds: Sequence[type[Baseline]] = BASELINES,
) -> list[Forecast]:
    """Forecasts from `start` on of every baseline, fitted on `rows`.

    Args:
        sequences: Features and targets of all bars.
        rows: Training rows: every label known before `start`.
        start: First origin that is forecast.
        decay: Weight of the past in the EWMA volatility of `sequences`.
        progress: Called with the name of each baseline before it is fitted.
        kinds: Which baselines, in this order.

    Raises:
        DataError: The training rows do not suffice for one of them.
    """
    forecasts = []
    for kind in kinds:
        progress(f"baseline {kind.name}")
        fitted = kind.fit(sequences, rows, decay=decay)
        forecasts.append(fitted.forecast_rows(sequences).between(start))
    return forecasts
