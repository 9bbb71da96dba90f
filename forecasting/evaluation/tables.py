"""From scored cells to the four tables of an `Evaluation`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano, standard_error
from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.date_means import date_means

PIT_BINS = 20

_MEANS = ("nll", "crps", "cover50", "cover80", "cover95", "width95")


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
                    "t": test.t,
                    "p": test.p,
                    "verdict": str(test.verdict),
                    "detectable": test.detectable,
                }
            )
    return pd.DataFrame(rows)


def location_table(cells: Sequence[Cells], model: str) -> pd.DataFrame:
    """Out-of-sample R2 of the model's mean against zero, and the test of its squared errors.

    R2 = 1 - sum (r - mean)^2 / sum r^2, with means over tickers first and dates second, as
    the test.

    Source: Gu, Kelly & Xiu (2020), Empirical Asset Pricing via Machine Learning, Review of
    Financial Studies 33(5), equation 19: zero, not the mean, is the forecast to beat.
    """
    rows = []
    for part in cells:
        error = date_means((part.returns - part.laws[model].mean) ** 2, part.date)
        zero = date_means(part.returns**2, part.date)
        test = diebold_mariano(zero - error, part.horizon)
        rows.append(
            {
                "horizon": part.horizon,
                "r2": 1 - error.mean() / zero.mean(),
                "t": test.t,
                "p": test.p,
                "verdict": str(test.verdict),
            }
        )
    return pd.DataFrame(rows)


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


def _share_error(inside: np.ndarray, part: Cells) -> float:
    shares = date_means(inside.astype(float), part.date)
    return standard_error(shares, part.horizon) if len(shares) > part.horizon else np.nan
