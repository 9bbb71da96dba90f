"""The `Evaluation` value: what was measured, on what, and what may be concluded from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecasting.market.panel import day

TABLES = (
    "scores",
    "verdicts",
    "overall",
    "breakdown",
    "location",
    "pit",
    "coverage",
    "calibration",
    "conformal",
    "direction",
    "reliability",
    "tails",
    "variance",
    "ranking",
    "decay",
)
"""Fields of an `Evaluation` that are tables."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores and verdicts of a model and its rivals on exactly the same cells.

    Losses are means over the tickers of a date first and over dates second.

    A test that could not be made has NaN and the verdict NOT ENOUGH DATA. Errors, t and p are those
    of date means, Newey-West with fixed-b critical values; verdicts are two-sided at 5 %.

    Attributes:
        model: Name of the forecaster that is judged.
        horizons: Bars ahead.
        tickers: Tickers with at least one scored cell.
        start: Origin of the first scored cell.
        end: Origin of the last scored cell.
        n_dates: Dates with a scored cell at any horizon.
        scores: One row a forecaster and horizon, the model first: forecaster, horizon, n (cells),
            nll (nats a bar), crps, wis (weighted interval score), pinball (all three decimal log
            return), cover50, cover80, cover90, cover95 (shares), width95 (decimal log return),
            crps_skill (1 - crps / crps of EWMA-t).
        verdicts: One row a rival and horizon: rival, horizon, gain (nats a bar, positive: the
            model is better), standard_error, t, p, verdict, detectable (smallest gain that this
            span shows with 80 % power).
        overall: One row a horizon and `against`: "baselines", and "all" where there are other
            rivals; the columns of `comparison.overall.overall`: verdict, n_rivals, n_beaten,
            best_rival, gain_over_best, standard_error, t, p, detectable, spa_p,
            in_confidence_set, confidence_set.
        breakdown: Gains in parts of the span, one row a horizon, rival (EWMA-t and the best
            baseline of the span), by ("year", "volatility" or "ticker") and group: horizon, by,
            group, rival, n_dates, gain, standard_error, t, p, verdict, detectable.
        location: One row a horizon: r2 (out-of-sample, of the model's location against zero), t, p,
            verdict of the squared errors against those of zero; relative_mae (mean absolute error
            of the median over that of no change).
        pit: Histogram of the model's PIT, one row a horizon and bin: horizon, low, high, count,
            share, standard_error (of the share; dates are the unit, not cells).
        coverage: One row a forecaster, horizon and level; see `scores.calibration.coverage_table`.
        calibration: One row a forecaster and horizon; see `scores.calibration.normality_table`.
        conformal: Coverage of the model's bands before and after adaptive conformal calibration,
            which learns from the span's own outcomes as they become known; see
            `calibration.coverage.conformal_table`.
        direction: One row a forecaster and horizon; see `scores.direction.direction_table`.
        reliability: The model's chance of a rise against the frequency of rises, one row a horizon
            and bin; see `scores.brier.reliability_curve`.
        tails: One row a forecaster, horizon and level; see `scores.tails.tail_table`.
        variance: One row a forecaster and horizon; see `scores.variance.variance_table`.
        ranking: One row a forecaster and horizon; see `scores.ranking.ranking_table`.
        decay: The model's rank IC with later returns, one row a horizon and lag; see
            `scores.information_coefficient.decay_table`.
        notes: Sentences that a reader of these numbers has to know.
    """

    model: str
    horizons: tuple[int, ...]
    tickers: tuple[str, ...]
    start: np.datetime64
    end: np.datetime64
    n_dates: int
    scores: pd.DataFrame
    verdicts: pd.DataFrame
    overall: pd.DataFrame
    breakdown: pd.DataFrame
    location: pd.DataFrame
    pit: pd.DataFrame
    coverage: pd.DataFrame
    calibration: pd.DataFrame
    conformal: pd.DataFrame
    direction: pd.DataFrame
    reliability: pd.DataFrame
    tails: pd.DataFrame
    variance: pd.DataFrame
    ranking: pd.DataFrame
    decay: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def rivals(self) -> tuple[str, ...]:
        """Names of the forecasters that the model was compared with."""
        return tuple(self.verdicts["rival"].unique())

    def over_best(self, horizon: int, by: str) -> pd.DataFrame:
        """The rows of `breakdown` of one horizon and kind, against the best baseline of the span.

        Args:
            horizon: Bars ahead.
            by: "year", "volatility" or "ticker".
        """
        best = self.overall.query("horizon == @horizon and against == 'baselines'")["best_rival"]
        parts = self.breakdown[self.breakdown["rival"] == best.iloc[0]]
        return parts.query("horizon == @horizon and by == @by")

    def table(self) -> pd.DataFrame:
        """Scores and verdicts in one table, one row a horizon and forecaster, the model first.

        Columns: horizon, forecaster, nll, crps, crps_skill, cover50, cover80, cover90, cover95,
        gain, t, p, verdict, detectable. The gain is the model's over the forecaster of the row; on
        the model's own rows it is NaN and the verdict empty.
        """
        verdicts = self.verdicts.rename(columns={"rival": "forecaster"})
        rows = self.scores.merge(verdicts, how="left", on=["forecaster", "horizon"])
        rows["verdict"] = rows["verdict"].fillna("")
        columns = ["horizon", "forecaster", "nll", "crps", "crps_skill"]
        columns += ["cover50", "cover80", "cover90", "cover95"]
        columns += ["gain", "t", "p", "verdict", "detectable"]
        order = rows["horizon"].argsort(kind="stable")
        return rows.iloc[order][columns].reset_index(drop=True)

    def verdict(self, rival: str, horizon: int) -> str:
        """The verdict against one rival at one horizon.

        Raises:
            ValueError: There was no such comparison.
        """
        found = self.verdicts.query("rival == @rival and horizon == @horizon")["verdict"]
        if found.empty:
            raise ValueError(f"no comparison with {rival!r} at horizon {horizon}")
        return str(found.iloc[0])

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON types: dates as YYYY-MM-DD, tables as lists of rows, NaN as null."""
        return {
            "model": self.model,
            "horizons": list(self.horizons),
            "tickers": list(self.tickers),
            "start": day(self.start),
            "end": day(self.end),
            "n_dates": self.n_dates,
            **{name: records(getattr(self, name)) for name in TABLES},
            "notes": list(self.notes),
        }


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON types, NaN as null."""
    plain = table.astype(object)
    return [
        {str(key): value for key, value in row.items()}
        for row in plain.where(table.notna(), None).to_dict("records")
    ]
