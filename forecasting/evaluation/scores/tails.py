"""Value at risk and expected shortfall of the lower tail: how often, how far, and at random?

1. Patton, Ziegel & Chen (2019), Dynamic semiparametric models for expected shortfall (and
   value-at-risk), Journal of Econometrics 211(2), equation 6.
2. Fissler & Ziegel (2016), Higher order elicitability and Osband's principle, Annals of Statistics
   44(4).
3. Acerbi & Szekely (2014), Backtesting Expected Shortfall, Risk 27(11), test 2.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_test import cell_test, of_events
from forecasting.evaluation.scores.hits import (
    HitTest,
    conditional_coverage,
    dynamic_quantile,
    independence,
    kupiec,
)
from forecasting.evaluation.scores.own_bars import own_sequences
from forecasting.evaluation.scores.quantiles import quantiles
from forecasting.forecast.significance import LEVEL

TAIL_LEVELS = (0.01, 0.05)

Values = Float[np.ndarray, " cell"]


def fissler_ziegel(y: Values, value_at_risk: Values, shortfall: Values, level: float) -> Values:
    """Joint score of value at risk v and expected shortfall e, FZ0 of [1]; smaller is better.

        -1{y <= v} (v - y) / (a e) + v / e + log(-e) - 1

    Only the true pair minimises its expectation [2]; differences do not depend on the unit of
    returns. NaN where e >= 0: the score is not defined there.
    """
    negative = np.where(shortfall < 0, shortfall, np.nan)
    beyond = np.maximum(value_at_risk - y, 0.0)
    return -beyond / (level * negative) + value_at_risk / negative + np.log(-negative) - 1


def shortfall_gap(y: Values, value_at_risk: Values, shortfall: Values, level: float) -> Values:
    """Terms whose mean is Acerbi and Szekely's Z_2: 1 - y 1{y <= v} / (a e).

    Zero on average if both are right, negative if losses are worse than forecast. NaN where e >= 0.
    Source: [3].
    """
    negative = np.where(shortfall < 0, shortfall, np.nan)
    return 1 - np.where(y <= value_at_risk, y, 0.0) / (level * negative)


def tail_table(
    cells: Sequence[Cells],
    forecasters: Sequence[str],
    levels: tuple[float, ...] = TAIL_LEVELS,
) -> pd.DataFrame:
    """Backtests of value at risk and expected shortfall.

    The hit rate, Z_2 and the score are means over dates with their errors by date; the first two
    are not tested where too few independent hits are expected, see `of_events`. The other tests
    are made for every ticker, at every h-th of its bars so that labels do not overlap, and counted:
    by luck alone 5 % of them reject. Tickers of a market fall together, so these counts scatter
    more widely than independent ones would.

    Returns:
        One row a horizon, forecaster and level: forecaster, horizon, level, hit_rate (share),
        standard_error, t, p (of the hit rate = level), kupiec, independence, conditional, dynamic
        (tickers that reject at 5 %; NaN if none could be tested), kupiec_tested ... dynamic_tested
        (tickers with a test) and kupiec_expected ... dynamic_expected (rejections by luck), fz0
        (mean `fissler_ziegel`), fz0_error, fz0_undefined (cells whose shortfall is not below 0,
        left out of fz0 and z2), z2, z2_t, z2_p (see `shortfall_gap`).
    """
    rows = []
    for part in cells:
        for name in forecasters:
            risk = quantiles(part.laws[name], levels)
            for k, level in enumerate(levels):
                row = {"forecaster": name, "horizon": part.horizon, "level": level}
                shortfall = part.laws[name].expected_shortfall(level)
                row |= _pooled(part, risk[:, k], shortfall, level)
                rows.append(row | _by_ticker(part, risk[:, k], level))
    return pd.DataFrame(rows)


def _pooled(part: Cells, risk: Values, shortfall: Values, level: float) -> dict[str, float | int]:
    y, date, horizon = part.returns, part.date, part.horizon
    rate = cell_test((y <= risk).astype(float), date, horizon, level)
    gap = cell_test(shortfall_gap(y, risk, shortfall, level), date, horizon)
    rate, gap = (of_events(test, horizon, level) for test in (rate, gap))
    score = cell_test(fissler_ziegel(y, risk, shortfall, level), date, horizon)
    return {
        "hit_rate": rate.mean,
        "standard_error": rate.standard_error,
        "t": rate.t,
        "p": rate.p,
        "fz0": score.mean,
        "fz0_error": score.standard_error,
        "fz0_undefined": int((shortfall >= 0).sum()),
        "z2": gap.mean,
        "z2_t": gap.t,
        "z2_p": gap.p,
    }


def _by_ticker(part: Cells, risk: Values, level: float) -> dict[str, float | int]:
    hit = (part.returns <= risk).astype(float)
    hits, risks = (
        own_sequences(values, part.date, part.ticker, part.horizon) for values in (hit, risk)
    )
    tests: dict[str, HitTest] = {
        "kupiec": kupiec(hits, level),
        "independence": independence(hits, level),
        "conditional": conditional_coverage(hits, level),
        "dynamic": dynamic_quantile(hits, risks, level),
    }
    row: dict[str, float | int] = {}
    for name, test in tests.items():
        tested = int(np.isfinite(test.p).sum())
        row[name] = int((test.p < LEVEL).sum()) if tested else np.nan
        row[f"{name}_tested"] = tested
        row[f"{name}_expected"] = LEVEL * tested
    return row
