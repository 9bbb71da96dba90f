"""Are the probabilities right? Coverage of the intervals, and Berkowitz' test of the PIT.

If every forecast is the true law given the past, z = Phi^-1(PIT) is standard normal, and
independent of the z of the same ticker whose label ended before.

Source: Berkowitz (2001), Testing Density Forecasts, With Applications to Risk Management, Journal
of Business & Economic Statistics 19(4).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import special

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_test import DateTest, cell_test, of_events
from forecasting.evaluation.scores.own_bars import own_lag
from forecasting.evaluation.scores.proper import LEVELS
from forecasting.forecast.significance import least_dates

Moments = tuple[DateTest, DateTest, DateTest]

# The outer fifth of a normal law, beyond 1.28, makes two thirds of its variance.
_OUTER = 0.2


@dataclass(frozen=True)
class LikelihoodRatio:
    """A likelihood-ratio statistic and its p-value; both NaN where there is too little data."""

    statistic: float
    p: float


def normal_scores(part: Cells, forecaster: str) -> Float[np.ndarray, " cell"]:
    """Phi^-1(PIT) of every cell, exact in both tails; infinite where the PIT is 0 or 1."""
    law = part.laws[forecaster]
    below, above = law.distribution(part.returns), law.exceedance(part.returns)
    return np.where(below < above, special.ndtri(below), -special.ndtri(above))


def berkowitz(z: Float[np.ndarray, " date"]) -> LikelihoodRatio:
    """Berkowitz' likelihood ratio for one series at one bar ahead: the textbook's test.

    z_t = c + rho z_{t-1} + e_t, e_t ~ N(0, s^2), against c = rho = 0 and s = 1, both given the
    first z. With s^2 = RSS / m of the m = n - 1 residuals of least squares,

        LR = sum_{t=2}^{n} z_t^2 - m (1 + log s^2) ~ chi^2(3).

    Only for independent draws: tickers of one date are none, nor are labels that overlap. For a
    panel use `normal_moments`.

    Args:
        z: `normal_scores` of one ticker, dates ascending; NaN statistics below `least_dates`.
    """
    if len(z) < least_dates(1) or not np.isfinite(z).all():
        return LikelihoodRatio(np.nan, np.nan)
    before, after = z[:-1], z[1:]
    regressors = np.column_stack([np.ones_like(before), before])
    fitted = regressors @ np.linalg.lstsq(regressors, after)[0]
    variance = float(np.mean((after - fitted) ** 2))
    if variance == 0:
        return LikelihoodRatio(np.nan, np.nan)
    ratio = float(after @ after) - len(after) * (1 + np.log(variance))
    return LikelihoodRatio(ratio, float(special.chdtrc(3, max(ratio, 0.0))))


def normal_moments(part: Cells, z: Float[np.ndarray, " cell"]) -> Moments:
    """Berkowitz' three restrictions for a panel: E z = 0, E z^2 = 1, E z z' = 0, z of each cell.

    z' is the z of the same ticker h of its cells earlier, the last whose label had ended. Each
    moment is averaged over the tickers of a date and tested as a date series, so that neither
    tickers that move together nor labels that overlap are taken for independent draws.
    """
    earlier = own_lag(part.date, part.ticker, part.horizon)
    product = np.where(earlier >= 0, z * z[earlier], np.nan)
    mean, square, lagged = (
        cell_test(values, part.date, part.horizon, expected)
        for values, expected in ((z, 0), (z**2, 1), (product, 0))
    )
    return mean, of_events(square, part.horizon, _OUTER), lagged


def normality_table(cells: Sequence[Cells], forecasters: Sequence[str]) -> pd.DataFrame:
    """Berkowitz' test for a panel, see `normal_moments`.

    Returns:
        One row a horizon and forecaster: forecaster, horizon, mean (of z; above 0: outcomes are
        higher than forecast), mean_t, variance (E z^2; above 1: intervals are too narrow),
        variance_t, dependence (E z z'), dependence_t, p (of all three, Bonferroni's: three times
        the least), impossible (cells that the law gave no probability; if any, no test is made) and
        n_dates. t and p are NaN below `least_dates`; variance_t and p where the outer fifth has too
        few independent outcomes, see `of_events`.
    """
    rows = []
    for part in cells:
        for name in forecasters:
            z = normal_scores(part, name)
            mean, square, lagged = normal_moments(part, z)
            least = float(np.min([mean.p, square.p, lagged.p]))
            rows.append(
                {
                    "forecaster": name,
                    "horizon": part.horizon,
                    "mean": mean.mean,
                    "mean_t": mean.t,
                    "variance": square.mean,
                    "variance_t": square.t,
                    "dependence": lagged.mean,
                    "dependence_t": lagged.t,
                    "p": float(np.minimum(1.0, 3 * least)),
                    "impossible": int(np.isinf(z).sum()),
                    "n_dates": mean.n_dates,
                }
            )
    return pd.DataFrame(rows)


def coverage_table(cells: Sequence[Cells], forecasters: Sequence[str]) -> pd.DataFrame:
    """Share of outcomes inside each central interval, with its error bar, and how wide it is.

    Returns:
        One row a horizon, forecaster and level: forecaster, horizon, level, coverage (share),
        standard_error (by date, see `date_test`), width (decimal log return), t and p (of coverage
        = level; NaN below `least_dates`, and where too few outcomes are expected outside, see
        `of_events`) and n_dates.
    """
    rows = []
    for part in cells:
        for name in forecasters:
            for level in LEVELS:
                inside = part.scores[name][f"cover{round(100 * level)}"].to_numpy()
                test = cell_test(inside, part.date, part.horizon, level)
                test = of_events(test, part.horizon, level)
                rows.append(
                    {
                        "forecaster": name,
                        "horizon": part.horizon,
                        "level": level,
                        "coverage": test.mean,
                        "standard_error": test.standard_error,
                        "width": part.date_means(name, f"width{round(100 * level)}").mean(),
                        "t": test.t,
                        "p": test.p,
                        "n_dates": test.n_dates,
                    }
                )
    return pd.DataFrame(rows)
