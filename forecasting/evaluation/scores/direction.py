"""Is the chance of a rise worth anything? Brier skill, and the calls up or down.

Up is a return above zero over the next h bars. Prices rise more often than they fall, so every
number stands beside the base rate: the share of rises in the training span, which a forecaster
without any skill knows too.

Source: Pesaran & Timmermann (1992), A Simple Nonparametric Test of Predictive Performance, Journal
of Business & Economic Statistics 10(4).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool

from forecasting.evaluation.scores.brier import Values, chance_of_rise, murphy, rises
from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_means import date_means
from forecasting.evaluation.scores.date_test import DateTest, cell_test, date_weights
from forecasting.market.membership import of_members
from forecasting.market.panel import Panel
from forecasting.market.targets import future_log_returns

# A law without a location gives a rise one half, up to rounding: it calls nothing.
_EVEN = 1e-9


def direction_table(
    cells: Sequence[Cells],
    forecasters: Sequence[str],
    base_rate: Mapping[int, float] | None = None,
) -> pd.DataFrame:
    """Brier score, its parts and its skill over the base rate; calls beside "always up".

    Args:
        cells: The common cells of each horizon.
        forecasters: Names.
        base_rate: Horizon to the share of rises in the training span, see `up_rates`; None for that
            of the test span itself, which nobody knew: it flatters the reference.

    Returns:
        One row a horizon and forecaster: forecaster, horizon, base_rate, base_rate_of ("training
        span" or "test span"), brier, brier_error, reliability, resolution, uncertainty, within (see
        `BrierParts`), skill (1 - brier / that of the base rate; NaN where that is 0), skill_t and
        skill_p (of the difference of the two, by date), called (share of cells whose chance of a
        rise is not exactly 1/2), accuracy (share of right calls), always_up (share of rises where
        there is a call), accuracy_t and accuracy_p (of the difference of the two, by date),
        timing_t and timing_p (Pesaran and Timmermann's test, see `call_test`). NaN where nothing is
        called, and below `least_dates`.
    """
    rows = []
    for part in cells:
        known = None if base_rate is None else base_rate[part.horizon]
        for name in forecasters:
            row = {"forecaster": name, "horizon": part.horizon}
            rows.append(row | _brier_row(part, name, known) | _call_row(part, name))
    return pd.DataFrame(rows)


def _brier_row(part: Cells, forecaster: str, base_rate: float | None) -> dict[str, float | str]:
    probability, up, weight = chance_of_rise(part, forecaster), rises(part), date_weights(part.date)
    base = float(weight @ up) if base_rate is None else base_rate
    score, reference = (probability - up) ** 2, (base - up) ** 2
    test = cell_test(reference - score, part.date, part.horizon)
    parts, naive = murphy(probability, up, weight), float(weight @ reference)
    return {
        "base_rate": base,
        "base_rate_of": "test span" if base_rate is None else "training span",
        "brier": float(weight @ score),
        "brier_error": cell_test(score, part.date, part.horizon).standard_error,
        "reliability": parts.reliability,
        "resolution": parts.resolution,
        "uncertainty": parts.uncertainty,
        "within": parts.within,
        "skill": 1 - float(weight @ score) / naive if naive > 0 else np.nan,
        "skill_t": test.t,
        "skill_p": test.p,
    }


def _call_row(part: Cells, forecaster: str) -> dict[str, float]:
    probability, up = chance_of_rise(part, forecaster), rises(part)
    even = np.abs(probability - 0.5) < _EVEN
    called_up = np.where(even, np.nan, (probability > 0.5).astype(float))
    right = np.where(np.isnan(called_up), np.nan, (called_up == up).astype(float))
    always = np.where(np.isnan(called_up), np.nan, up)
    gain = cell_test(right - always, part.date, part.horizon)
    timing = call_test(called_up, up, part)
    return {
        "called": float(np.mean(np.isfinite(called_up))),
        "accuracy": cell_test(right, part.date, part.horizon).mean,
        "always_up": cell_test(always, part.date, part.horizon).mean,
        "accuracy_t": gain.t,
        "accuracy_p": gain.p,
        "timing_t": timing.t,
        "timing_p": timing.p,
    }


def up_rates(training: Panel, horizons: tuple[int, ...]) -> dict[int, float]:
    """Share of rises over the next h bars in a span: the base rate of later bars.

    Args:
        training: Bars before the test span. Labels that end after its last bar take no part, nor do
            bars of no member: who joins later rose before it joined.
        horizons: Bars ahead.

    Returns:
        Horizon to mean over tickers first and dates second; NaN where no label ends in the span.
    """
    returns = of_members(future_log_returns(training, horizons)[0], training.member)
    rates = {}
    for j, horizon in enumerate(horizons):
        at = np.nonzero(np.isfinite(returns[:, :, j]))
        means = date_means((returns[*at, j] > 0).astype(float), at[0])
        rates[horizon] = float(means.mean()) if len(means) else np.nan
    return rates


def pesaran_timmermann(
    called_up: Bool[np.ndarray, " date"], up: Bool[np.ndarray, " date"]
) -> float:
    """Pesaran and Timmermann's S_n of one series of independent calls: N(0, 1) without skill.

    S_n = (P - P*) / sqrt(V(P) - V(P*)), P the share of right calls and P* the share that luck gets
    right. The two variances come to 4 p_y (1 - p_y) p_x (1 - p_x) (n - 1) / n^2, p_y and p_x the
    shares of rises and of calls up, and S_n to c n / sqrt(n - 1), c the correlation of the two.

    NaN where all calls, or all outcomes, are alike.
    """
    n = len(up)
    if n < 2 or up.all() or not up.any() or called_up.all() or not called_up.any():
        return np.nan
    return float(np.corrcoef(called_up, up)[0, 1] * n / np.sqrt(n - 1))


def call_test(called_up: Values, up: Values, part: Cells) -> DateTest:
    """Pesaran and Timmermann's test for a panel: is the covariance of calls and rises above zero?

    Their numerator P - P* is twice the covariance of call and outcome. It is averaged over the
    tickers of a date and tested as a date series, for calls of one date are not independent. NaN
    cells, without a call, are left out; where all calls or all outcomes are alike, all is NaN.
    """
    known = np.isfinite(called_up)
    x, y, date = called_up[known], up[known], part.date[known]
    if len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return cell_test(np.full_like(x, np.nan), date, part.horizon)
    weight = date_weights(date)
    return cell_test(2 * (x - weight @ x) * (y - weight @ y), date, part.horizon)
