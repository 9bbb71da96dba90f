"""The cells on which all forecasters are compared: the same for each, or nothing is comparable.

A cell is one (ticker, origin bar) at one horizon. It counts if its outcome is known, the ticker is
a member of the universe at the origin (it may leave before the outcome), and every forecaster has a
forecast there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from forecasting.errors import DataError
from forecasting.evaluation.scores.date_means import date_means
from forecasting.evaluation.scores.intake import require_scorable
from forecasting.evaluation.scores.proper import score_cells
from forecasting.evaluation.scores.variance_proxy import VarianceProxy, variance_proxy
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.law import Law
from forecasting.market.panel import Panel, day
from forecasting.market.targets import future_log_returns

Grid = Bool[np.ndarray, "time ticker horizon"]

_NEARLY_ALL = 0.95


@dataclass(frozen=True, eq=False)
class Cells:
    """The common cells of one horizon, ordered by date.

    Attributes:
        horizon: Bars ahead.
        date: Index of each cell's origin bar in the span's times.
        ticker: Index of each cell's ticker.
        returns: What happened: log return over the next h bars, decimal.
        scores: Forecaster to its scores, one row a cell; see `score_cells`.
        laws: Forecaster to its laws of the return, one a cell, decimal.
        variance: What the variance of the next h bars was, decimal squared, see `variance_proxy`;
            NaN where the prices do not tell. None if it was not asked for.
        variance_proxy: What it was computed from, in words.
    """

    horizon: int
    date: Int[np.ndarray, " cell"]
    ticker: Int[np.ndarray, " cell"]
    returns: Float[np.ndarray, " cell"]
    scores: dict[str, pd.DataFrame]
    laws: dict[str, Law]
    variance: Float[np.ndarray, " cell"] | None = None
    variance_proxy: str = ""

    @property
    def n_dates(self) -> int:
        """Dates with a cell."""
        return len(np.unique(self.date))

    def date_means(self, forecaster: str, score: str) -> Float[np.ndarray, " date"]:
        """Mean score of each date, dates ascending."""
        return date_means(self.scores[forecaster][score].to_numpy(), self.date)


def common_cells(
    span: Panel,
    forecasts: Sequence[Forecast],
    tickers: Sequence[str] | None = None,
    *,
    training: Panel | None = None,
) -> tuple[list[Cells], tuple[str, ...]]:
    """Find the common cells of a span, and score every forecast there.

    Args:
        span: The bars from which forecasts are scored, and on which the outcomes become known.
        forecasts: Of the same bars, tickers and horizons.
        tickers: Score only these; None for all.
        training: Bars before the span, on which the scale of the variance proxy is measured; None
            leaves it unscaled.

    Returns:
        The cells of each horizon, and notes on forecasters that narrow them.

    Raises:
        DataError: At some horizon there is no common cell, or a forecast cannot be scored, see
            `require_scorable`.
    """
    require_scorable(span, forecasts)
    horizons = forecasts[0].horizons
    returns, _ = future_log_returns(span, horizons)
    known = np.isfinite(returns)
    if span.member is not None:
        known &= span.member[:, :, None]
    if tickers is not None:
        known[:, ~np.isin(span.tickers, tickers)] = False
    covered = {f.name: known & f.law.known for f in forecasts}
    common: Grid = np.logical_and.reduce(list(covered.values()))
    _require_outcomes(span, horizons, known)
    _require_cells(span, horizons, common, covered)
    proxy = variance_proxy(span, horizons, training)
    cells = [
        _score_horizon(common[:, :, j], j, returns, forecasts, proxy) for j in range(len(horizons))
    ]
    return cells, _coverage_notes(span, common, covered)


def _score_horizon(
    common: Bool[np.ndarray, "time ticker"],
    j: int,
    returns: Float[np.ndarray, "time ticker horizon"],
    forecasts: Sequence[Forecast],
    proxy: VarianceProxy,
) -> Cells:
    at = np.nonzero(common)
    happened, laws = returns[*at, j], {f.name: f.law[*at, j] for f in forecasts}
    return Cells(
        horizon=forecasts[0].horizons[j],
        date=at[0],
        ticker=at[1],
        returns=happened,
        scores={name: score_cells(happened, law) for name, law in laws.items()},
        laws=laws,
        variance=proxy.values[*at, j],
        variance_proxy=proxy.names[j],
    )


def _require_outcomes(span: Panel, horizons: tuple[int, ...], known: Grid) -> None:
    """Refuse a span in which a longest outcome cannot become known, whoever forecasts."""
    empty = ~known.any(axis=(0, 1))
    if empty.any():
        horizon = horizons[int(empty.argmax())]
        raise DataError(
            f"nothing to score at horizon {horizon}: the test span, {day(span.times[0])} to "
            f"{day(span.times[-1])}, has {len(span.times)} of the {horizon + 1} bars in which an "
            "outcome becomes known. Start earlier, end later, or use shorter horizons."
        )


def _require_cells(
    span: Panel, horizons: tuple[int, ...], common: Grid, covered: dict[str, Grid]
) -> None:
    empty = ~common.any(axis=(0, 1))
    if empty.any():
        horizon = horizons[int(empty.argmax())]
        fewest = min(covered, key=lambda name: int(covered[name][:, :, empty].sum()))
        raise DataError(
            f"nothing to score at {horizon} bars ahead: from {day(span.times[0])} to "
            f"{day(span.times[-1])} no bar has a known outcome and all forecasts ({fewest} has "
            "the fewest). Start earlier, end later, or leave out tickers with a short history."
        )


def _coverage_notes(span: Panel, common: Grid, covered: dict[str, Grid]) -> tuple[str, ...]:
    """Name the tickers that drop out, and who covers far fewer cells than the others together."""
    anywhere = np.logical_or.reduce(list(covered.values())).any(axis=(0, 2))
    lost = [
        f"{span.tickers[k]} (no forecast of it by "
        f"{', '.join(name for name, grid in covered.items() if not grid[:, k].any())})"
        for k in np.flatnonzero(anywhere & ~common.any(axis=(0, 2)))
    ]
    dropped = (f"Not scored: {'; '.join(lost)}.",) if lost else ()
    total = int(np.logical_or.reduce(list(covered.values())).sum())
    narrow = [
        f"{name} covers {grid.sum() / total:.0%} of the {total} cells with a known outcome"
        for name, grid in covered.items()
        if grid.sum() < _NEARLY_ALL * total
    ]
    left = f"everything is scored on the {int(common.sum())} cells that all forecasters cover."
    return (*dropped, f"{'; '.join(narrow)}: {left}") if narrow else dropped
