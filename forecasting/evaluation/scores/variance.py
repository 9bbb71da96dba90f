"""Is the variance right? QLIKE and squared error against a proxy, and Mincer-Zarnowitz.

Both losses rank forecasts as the true variance would, whatever the noise of an unbiased proxy [1].

1. Patton (2011), Volatility forecast comparison using imperfect volatility proxies, Journal of
   Econometrics 160(1).
2. Mincer & Zarnowitz (1969), The Evaluation of Economic Forecasts, NBER.
3. Patton & Sheppard (2009), Evaluating Volatility and Correlation Forecasts, Handbook of Financial
   Time Series, section 3.1: dividing by the forecast.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_test import DateTest, cell_test, date_weights

Values = Float[np.ndarray, " cell"]


class MincerZarnowitz(NamedTuple):
    """Regression of the proxy on the forecast: right if intercept 0 and slope 1.

    Attributes:
        intercept: In units of the mean forecast.
        slope: What a forecast that is higher by one was worth.
        of_intercept: Test of intercept = 0, by date.
        of_slope: Test of slope = 1, by date; its mean is the slope's distance from 1.
    """

    intercept: float
    slope: float
    of_intercept: DateTest
    of_slope: DateTest


def qlike(proxy: Values, variance: Values) -> Values:
    """Loss v / h - log(v / h) - 1 of forecast h of variance v; 0 is best. NaN where v is 0."""
    ratio = np.where(proxy > 0, proxy, np.nan) / variance
    return ratio - np.log(ratio) - 1


def mincer_zarnowitz(proxy: Values, variance: Values, part: Cells) -> MincerZarnowitz:
    """Fit v / h = a / h + b + error by weighted least squares, the form of [3].

    The h of the regressors has mean 1. Divided by its forecast a turbulent month counts no more
    than a calm one. The errors of a and b
    are those of the mean of their influence functions over the tickers of a date.

    Args:
        proxy: v of each cell, NaN to leave it out.
        variance: The forecast h.
        part: Where the cells lie.
    """
    known = np.isfinite(proxy) & np.isfinite(variance) & (variance > 0)
    date, h = part.date[known], variance[known]
    weight = date_weights(date)
    h = h / float(weight @ h)
    ratio = proxy[known] / variance[known]
    regressors = np.column_stack([1 / h, np.ones_like(h)])
    gram = regressors.T @ (weight[:, None] * regressors)
    if len(h) == 0 or np.linalg.matrix_rank(gram, tol=1e-10, hermitian=True) < 2:
        nothing = DateTest(np.nan, np.nan, np.nan, np.nan, 0)
        return MincerZarnowitz(np.nan, np.nan, nothing, nothing)
    intercept, slope = np.linalg.solve(gram, regressors.T @ (weight * ratio))
    error = ratio - regressors @ (intercept, slope)
    influence = (regressors * error[:, None]) @ np.linalg.inv(gram)
    of_intercept = cell_test(intercept + influence[:, 0], date, part.horizon)
    of_slope = cell_test(slope - 1 + influence[:, 1], date, part.horizon)
    return MincerZarnowitz(float(intercept), float(slope), of_intercept, of_slope)


def variance_table(cells: Sequence[Cells], forecasters: Sequence[str]) -> pd.DataFrame:
    """Losses of the laws' variances against the proxy of `Cells.variance`.

    Returns:
        One row a horizon and forecaster: forecaster, horizon, proxy (in words), n (cells in the
        losses: proxy above 0, finite variances of all forecasters), qlike, qlike_error (by date),
        mse (decimal^4), mse_error, ratio (mean proxy over mean forecast; above 1: too narrow),
        intercept, intercept_p (of 0), slope, slope_error, slope_p (of 1), see `mincer_zarnowitz`.
        Without a proxy there are no rows.
    """
    rows = []
    for part in cells:
        if part.variance is None:
            continue
        forecasts = {name: part.laws[name].standard_deviation() ** 2 for name in forecasters}
        known = np.logical_and.reduce([np.isfinite(each) for each in forecasts.values()])
        proxy = np.where(known & (part.variance > 0), part.variance, np.nan)
        for name, variance in forecasts.items():
            row = {"forecaster": name, "horizon": part.horizon, "proxy": part.variance_proxy}
            rows.append(row | _losses(proxy, variance, part))
    return pd.DataFrame(rows)


def _losses(proxy: Values, variance: Values, part: Cells) -> dict[str, float | int]:
    loss = cell_test(qlike(proxy, variance), part.date, part.horizon)
    squared = cell_test((proxy - variance) ** 2, part.date, part.horizon)
    fit = mincer_zarnowitz(proxy, variance, part)
    share = cell_test(np.where(np.isfinite(proxy), variance, np.nan), part.date, part.horizon).mean
    return {
        "n": int(np.isfinite(proxy).sum()),
        "qlike": loss.mean,
        "qlike_error": loss.standard_error,
        "mse": squared.mean,
        "mse_error": squared.standard_error,
        "ratio": cell_test(proxy, part.date, part.horizon).mean / share,
        "intercept": fit.intercept,
        "intercept_p": fit.of_intercept.p,
        "slope": fit.slope,
        "slope_error": fit.of_slope.standard_error,
        "slope_p": fit.of_slope.p,
    }
