"""Where the gain comes from: by year, by volatility regime, by ticker.

A gain that one crash year or one ticker makes is another claim than one that is there everywhere.
The groups are for looking: of so many tests some say BEATS, and some LOSES, by luck.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_means import date_means
from forecasting.forecast.significance import LEVEL

REGIMES = ("calm", "middle", "turbulent")
LEAST_HISTORY = 250
"""Bars before the span below which the regimes' limits are taken from the span itself."""


@dataclass(frozen=True, eq=False)
class Regimes:
    """The volatility regime of each origin bar of the span.

    Attributes:
        regime: Index in `REGIMES`, -1 where the volatility is not known; known at the bar's close.
        note: How the limits were found.
    """

    regime: Int[np.ndarray, " time"]
    note: str


def volatility_regimes(volatility: Float[np.ndarray, "all_time ticker"], first: int) -> Regimes:
    """Terciles of the mean EWMA volatility over the tickers of a bar.

    Args:
        volatility: EWMA volatility of one bar, decimal, known at the bar's close; NaN elsewhere.
        first: Index of the span's first bar. The limits are the terciles of the bars before it, so
            that what counts as calm was known before; with fewer than `LEAST_HISTORY` of them, of
            the span itself.
    """
    known = np.isfinite(volatility)
    total = np.where(known, volatility, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        market = total / known.sum(axis=1)
    before = market[:first][np.isfinite(market[:first])]
    limits_known = len(before) >= LEAST_HISTORY
    source = before if limits_known else market[first:][np.isfinite(market[first:])]
    low, high = np.quantile(source, [1 / 3, 2 / 3])
    span = market[first:]
    regime = np.where(np.isfinite(span), (span > low).astype(int) + (span > high), -1)
    where = "the bars before the span" if limits_known else "the span itself, known only after it"
    note = (
        "Regimes: terciles of the tickers' mean EWMA volatility at the origin, limits "
        f"{low:.2%} and {high:.2%} a bar, from {where}."
    )
    return Regimes(regime, note)


def breakdown_table(
    cells: Sequence[Cells],
    model: str,
    rivals: Sequence[str],
    reference: str,
    times: np.ndarray,
    tickers: Sequence[str],
    regimes: Regimes,
) -> pd.DataFrame:
    """Gains of the model in parts of the span, as `Evaluation.breakdown`.

    Args:
        cells: The common cells of each horizon.
        model: Who is judged.
        rivals: Of them the one with the smallest mean loss at a horizon is compared with.
        reference: Compared with as well.
        times: Bars of the span, to which the cells' dates point.
        tickers: To which the cells' tickers point.
        regimes: Of the bars of the span.
    """
    rows = []
    for part in cells:
        losses = {name: part.date_means(name, "nll").mean() for name in rivals}
        for rival in dict.fromkeys((reference, min(losses, key=losses.__getitem__))):
            gain = (part.scores[rival]["nll"] - part.scores[model]["nll"]).to_numpy()
            for by, group, inside in _groups(part, times, tickers, regimes):
                # Leaving dates out brings the others closer: the lags still cover the overlap.
                test = diebold_mariano(date_means(gain[inside], part.date[inside]), part.horizon)
                rows.append(
                    {
                        "horizon": part.horizon,
                        "by": by,
                        "group": group,
                        "rival": rival,
                        "n_dates": test.n_dates,
                        "gain": test.gain,
                        "standard_error": test.error,
                        "t": test.t,
                        "p": test.p,
                        "verdict": str(test.verdict),
                        "detectable": test.detectable,
                    }
                )
    return pd.DataFrame(rows)


def breakdown_note(table: pd.DataFrame, regimes: Regimes) -> str:
    """What has to be known of the groups."""
    tests = int(table["p"].notna().sum())
    return (
        f"{regimes.note} The {tests} tests of years, regimes and tickers are for looking: about "
        f"{LEVEL / 2 * tests:.0f} would say BEATS, as many LOSES, by luck alone."
    )


def _groups(
    part: Cells, times: np.ndarray, tickers: Sequence[str], regimes: Regimes
) -> Iterator[tuple[str, str, Bool[np.ndarray, " cell"]]]:
    """Kind, name and cells of every group that has cells."""
    years = times[part.date].astype("datetime64[Y]").astype(int) + 1970
    regime = regimes.regime[part.date]
    for year in np.unique(years):
        yield "year", str(year), years == year
    for k, name in enumerate(REGIMES):
        if (inside := regime == k).any():
            yield "volatility", name, inside
    for ticker in np.unique(part.ticker):
        yield "ticker", tickers[ticker], part.ticker == ticker
