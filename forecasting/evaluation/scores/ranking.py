"""How well expected returns order the tickers of a date, in one table.

Source: Grinold & Kahn (1999), Active Portfolio Management, chapters 6 and 10.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_test import date_test
from forecasting.evaluation.scores.deciles import decile_spread
from forecasting.evaluation.scores.information_coefficient import (
    LEAST_TICKERS,
    Values,
    date_correlations,
    finite,
    rank_correlations,
)
from forecasting.forecast.significance import Verdict, least_dates

Row = dict[str, float | int | str]


def ranking_table(
    cells: Sequence[Cells], forecasters: Sequence[str], bars_per_year: float | int
) -> pd.DataFrame:
    """Information coefficients and decile spread of each forecaster's expected returns.

    Returns:
        One row a horizon and forecaster: forecaster, horizon, tickers (median a date), n_dates
        (with a coefficient), ic and rank_ic (mean correlation of expected and actual return,
        Pearson's and Spearman's), ic_error, ic_t, ic_p and the same of rank_ic, icir (mean over
        standard deviation of the dates' rank ICs), icir_annual (times sqrt(bars a year / h)),
        spread (gross, log return over h bars), spread_error, spread_t, spread_p, turnover (share of
        the outer deciles replaced after h dates) and status: empty, or why all numbers are NaN:
        "NOT ENOUGH DATA: ..." or "NO ORDER: ..." of a forecast that is the same for all tickers.
    """
    rows = []
    for part in cells:
        for name in forecasters:
            row = {"forecaster": name, "horizon": part.horizon}
            rows.append(row | _ranking(part, part.laws[name].mean, bars_per_year))
    return pd.DataFrame(rows)


def _ranking(part: Cells, score: Values, bars_per_year: float | int) -> Row:
    spread, turnover = decile_spread(part, score)
    series = {
        "ic": finite(date_correlations(score, part.returns, part.date)),
        "rank_ic": finite(rank_correlations(score, part.returns, part.date)),
        "spread": finite(spread),
    }
    ordered, turnover = series["rank_ic"], finite(turnover)
    enough = len(ordered) >= least_dates(part.horizon)
    deviation = float(ordered.std(ddof=1)) if enough else np.nan
    ratio = float(ordered.mean()) / deviation if enough and deviation > 0 else np.nan
    row: Row = {
        "tickers": float(np.median(np.unique_counts(part.date).counts)),
        "n_dates": len(ordered),
        "icir": ratio,
        "icir_annual": ratio * float(np.sqrt(bars_per_year / part.horizon)),
    }
    for name, values in series.items():
        test = date_test(values, part.horizon)
        row |= {
            name: test.mean if enough else np.nan,
            f"{name}_error": test.standard_error,
            f"{name}_t": test.t,
            f"{name}_p": test.p,
        }
    row["turnover"] = float(turnover.mean()) if enough and len(turnover) else np.nan
    return row | {"status": _status(part, len(ordered))}


def _status(part: Cells, ordered: int) -> str:
    """Why there are no numbers, if so; `ordered` dates have a coefficient."""
    per_date, needed = np.unique_counts(part.date).counts, least_dates(part.horizon)
    wide = int((per_date >= LEAST_TICKERS).sum())
    if wide == 0:
        return (
            f"{Verdict.NOT_ENOUGH_DATA}: at most {per_date.max(initial=0)} tickers a date, "
            f"expected at least {LEAST_TICKERS}"
        )
    if wide < needed:
        return (
            f"{Verdict.NOT_ENOUGH_DATA}: {wide} dates with {LEAST_TICKERS} tickers, expected at "
            f"least {needed}"
        )
    return "" if ordered >= needed else f"NO ORDER: the forecast differs on {ordered} dates only"
