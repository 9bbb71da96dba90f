"""One verdict against all rivals together, at each horizon.

BEATS: every rival is beaten in its own test at 5 %. To claim all of them at once needs no
correction for their number: the chance that all tests err together is at most that of one
(intersection-union test). LOSES: the best rival's lead is more than luck although it is the best of
so many: `superior_ability` at 2.5 %, the losing side of a two-sided test at 5 %, so that against a
single rival this is its Diebold-Mariano verdict. Else NO EVIDENCE, or NOT ENOUGH DATA.

Source: Berger (1982), Multiparameter Hypothesis Testing and Acceptance Sampling, Technometrics
24(4).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from forecasting.evaluation.comparison.confidence_set import confidence_set
from forecasting.evaluation.comparison.diebold_mariano import Comparison, diebold_mariano
from forecasting.evaluation.comparison.superior_ability import superior_ability
from forecasting.evaluation.scores.cells import Cells
from forecasting.forecast.significance import LEVEL, Verdict

Losses = Mapping[str, Float[np.ndarray, " date"]]


def overall_table(
    cells: Sequence[Cells], model: str, baselines: Sequence[str], others: Sequence[str] = ()
) -> pd.DataFrame:
    """The overall verdicts on the log score, as `Evaluation.overall`.

    Args:
        cells: The common cells of each horizon.
        model: Who is judged.
        baselines: Rivals of the row `baselines`.
        others: Further rivals; with any there is a second row, `all`, against both.
    """
    circles = {"baselines": [*baselines]} | ({"all": [*others, *baselines]} if others else {})
    rows = []
    for part in cells:
        for against, rivals in circles.items():
            losses = {name: part.date_means(name, "nll") for name in (model, *rivals)}
            row = {"horizon": part.horizon, "against": against}
            rows.append(row | overall(losses, model, part.horizon))
    return pd.DataFrame(rows)


def overall(losses: Losses, model: str, horizon: int) -> dict[str, Any]:
    """The overall verdict of a model against everyone else in `losses`.

    Args:
        losses: Forecaster to its log loss on each date, nats; the same dates for all.
        model: Who is judged.
        horizon: Bars ahead of the forecasts.

    Returns:
        verdict; n_rivals; n_beaten (in their own tests); best_rival (of the smallest mean loss on
        these very dates: nobody knew before which it would be, so the gain over it is too modest,
        and its p no proof that it is better) and gain_over_best, standard_error, t, p, detectable
        of the test against it; spa_p (that some rival is better, by luck); confidence_set (names,
        commas between; empty without a test) and in_confidence_set (None without a test).
    """
    rivals = [name for name in losses if name != model]
    gains = np.column_stack([losses[name] - losses[model] for name in rivals])
    tests = [diebold_mariano(gain, horizon) for gain in gains.T]
    best = int(np.argmin([test.gain for test in tests]))
    spa_p = superior_ability(gains, horizon)
    may_be_best = confidence_set(losses, horizon)
    return {
        "verdict": str(_conclude(tests, spa_p)),
        "n_rivals": len(rivals),
        "n_beaten": sum(test.verdict is Verdict.BEATS for test in tests),
        "best_rival": rivals[best],
        "gain_over_best": tests[best].gain,
        "standard_error": tests[best].error,
        "t": tests[best].t,
        "p": tests[best].p,
        "detectable": tests[best].detectable,
        "spa_p": spa_p,
        "in_confidence_set": None if may_be_best is None else model in may_be_best,
        "confidence_set": ", ".join(may_be_best or ()),
    }


def _conclude(tests: Sequence[Comparison], spa_p: float) -> Verdict:
    if not tests[0].tested:
        return Verdict.NOT_ENOUGH_DATA
    if all(test.verdict is Verdict.BEATS for test in tests):
        return Verdict.BEATS
    return Verdict.LOSES if spa_p < LEVEL / 2 else Verdict.NO_EVIDENCE
