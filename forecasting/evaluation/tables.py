"""From scored cells to the first tables of an `Evaluation`: verdicts, location, PIT."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.scores.brier import reliability_curve
from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_means import date_means
from forecasting.evaluation.scores.point import (
    out_of_sample_r2,
    relative_absolute_error,
    squared_error_gain,
)
from forecasting.evaluation.scores.proper import LEVELS, covered
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.significance import least_dates, standard_error

PIT_BINS = 20

_MEANS = ("nll", "crps", "wis", "pinball", "cover50", "cover80", "cover90", "cover95", "width95")


def score_table(cells: Sequence[Cells], forecasters: Sequence[str], reference: str) -> pd.DataFrame:
    """Mean scores of each forecaster and horizon, and the CRPS skill over the reference."""
    rows = []
    for part in cells:
        base = part.date_means(reference, "crps").mean()
        for name in forecasters:
            means = {score: part.date_means(name, score).mean() for score in _MEANS}
            skill = 1 - means["crps"] / base
            row = {"forecaster": name, "horizon": part.horizon, "n": len(part.date)}
            rows.append(row | means | {"crps_skill": skill})
    order = {name: k for k, name in enumerate(forecasters)}
    table = pd.DataFrame(rows)
    return table.sort_values("forecaster", key=lambda c: c.map(order), kind="stable").reset_index(
        drop=True
    )


def verdict_table(cells: Sequence[Cells], model: str, rivals: Sequence[str]) -> pd.DataFrame:
    """Diebold-Mariano test of the log score of the model against each rival at each horizon."""
    rows = []
    for rival in rivals:
        for part in cells:
            gain = part.date_means(rival, "nll") - part.date_means(model, "nll")
            test = diebold_mariano(gain, part.horizon)
            rows.append(
                {
                    "rival": rival,
                    "horizon": part.horizon,
                    "gain": test.gain,
                    "standard_error": test.error,
                    "t": test.t,
                    "p": test.p,
                    "verdict": str(test.verdict),
                    "detectable": test.detectable,
                }
            )
    return pd.DataFrame(rows)


def location_table(cells: Sequence[Cells], model: str) -> pd.DataFrame:
    """The model's point forecasts against "the price stays where it is"; see `scores.point`.

    R2 and the test are of its mean's squared errors, relative_mae is of its median.
    """
    rows = []
    for part in cells:
        test = diebold_mariano(squared_error_gain(part, model), part.horizon)
        rows.append(
            {
                "horizon": part.horizon,
                "r2": out_of_sample_r2(part, model),
                "t": test.t,
                "p": test.p,
                "verdict": str(test.verdict),
                "relative_mae": relative_absolute_error(part, model),
            }
        )
    return pd.DataFrame(rows)


def reliability_table(cells: Sequence[Cells], model: str) -> pd.DataFrame:
    """The model's chance of a rise against what came, a row a horizon and bin."""
    curves = {part.horizon: reliability_curve(part, model) for part in cells}
    table = pd.concat(curves, names=["horizon", None]).reset_index("horizon")
    return table.reset_index(drop=True)


def pit_table(cells: Sequence[Cells], model: str) -> pd.DataFrame:
    """Histogram of the model's PIT; flat if its probabilities are right.

    Outcomes of one date are no independent draws, so the standard error of a bin's share is that of
    the mean over dates, as in the tests, and not the much smaller binomial one.
    """
    edges = np.linspace(0, 1, PIT_BINS + 1)
    rows = []
    for part in cells:
        pit = part.scores[model]["pit"].to_numpy()
        which = np.minimum((pit * PIT_BINS).astype(int), PIT_BINS - 1)
        for k in range(PIT_BINS):
            inside = which == k
            rows.append(
                {
                    "horizon": part.horizon,
                    "low": edges[k],
                    "high": edges[k + 1],
                    "count": int(inside.sum()),
                    "share": float(inside.mean()),
                    "standard_error": _share_error(inside, part),
                }
            )
    return pd.DataFrame(rows)


def conformal_cells(cells: Sequence[Cells], model: str, calibrated: Forecast) -> list[Cells]:
    """The same cells with two forecasters: the model, and its calibrated bands.

    Of the calibrated forecast only coverage and width are scored: what `conformal_table` needs.
    """
    bands = []
    for j, part in enumerate(cells):
        law = calibrated.law[part.date, part.ticker, j]
        pit, scores = law.distribution(part.returns), {}
        for level in LEVELS:
            scores[f"cover{round(100 * level)}"] = covered(pit, level)
            scores[f"width{round(100 * level)}"] = law.interval_width(level)
        both = {model: part.scores[model], calibrated.name: pd.DataFrame(scores)}
        bands.append(replace(part, scores=both))
    return bands


def _share_error(inside: np.ndarray, part: Cells) -> float:
    shares = date_means(inside.astype(float), part.date)
    enough = len(shares) >= least_dates(part.horizon)
    return standard_error(shares, part.horizon) if enough else np.nan
