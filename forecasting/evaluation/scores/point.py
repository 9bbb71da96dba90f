"""Is the location worth anything? Squared and absolute errors against a forecast of no change.

1. Gu, Kelly & Xiu (2020), Empirical Asset Pricing via Machine Learning, Review of Financial Studies
   33(5), equation 19: zero, not the mean, is the forecast to beat.
2. Hyndman & Koehler (2006), Another look at measures of forecast accuracy, International Journal of
   Forecasting 22(4), section 2.4.
"""

import numpy as np
from jaxtyping import Float

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_means import date_means


def squared_error_gain(part: Cells, forecaster: str) -> Float[np.ndarray, " date"]:
    """Mean squared error of zero less that of the law's mean, of each date; decimal squared."""
    error = (part.returns - part.laws[forecaster].mean) ** 2
    return date_means(part.returns**2 - error, part.date)


def out_of_sample_r2(part: Cells, forecaster: str) -> float:
    """R2 = 1 - sum (r - mean)^2 / sum r^2 [1], means over tickers first and dates second.

    NaN where no price moved.
    """
    total = float(date_means(part.returns**2, part.date).mean())
    return float(squared_error_gain(part, forecaster).mean()) / total if total > 0 else np.nan


def relative_absolute_error(part: Cells, forecaster: str) -> float:
    """Mean absolute error of the law's median over that of no change [2]; below 1 is better.

    As MASE, but scaled by the naive forecast on the same cells. NaN where no price moved.
    """
    error = date_means(np.abs(part.returns - part.laws[forecaster].quantile(0.5)), part.date)
    naive = float(date_means(np.abs(part.returns), part.date).mean())
    return float(error.mean()) / naive if naive > 0 else np.nan
