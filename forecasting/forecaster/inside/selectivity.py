"""Does the network let more in on some bars: its step size on large moves and in wild markets.

The step is the only gate of a selective state space: a long one writes the bar into the state and
fades what was there, a short one passes the bar by (Gu & Dao (2023), Mamba, arXiv 2312.00752,
section 3.5.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from forecasting.forecast.significance import LEVEL
from forecasting.forecaster.inside.cells import Cells
from forecasting.forecaster.inside.contrast import Contrast, contrast
from forecasting.forecaster.inside.steps import StepWatcher

EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)
"""Shares of a ticker's cells at which the groups are cut: deciles, and the last hundredth."""


@dataclass(frozen=True, eq=False)
class Selectivity:
    """Step sizes by the bar's move and by its volatility.

    The step of a layer at a cell is the geometric mean over its channels. A ticker's cells are
    ranked among themselves over the whole span, which says what a bar was, not what was known.

    Attributes:
        table: A row for each layer, `by` (move or volatility) and group, (above, upto] of the
            ticker's cells by rank: `step`, the geometric mean over that of all the ticker's
            cells, with 95 % interval `low` to `high`; `half_life`, the geometric mean over cells,
            channels and states of that at the bar, in bars; `ratio` to the steps of all other
            cells; `t` and `p` of the ratio being one, with errors by date (`contrast`); `cells`,
            `dates`.
        verdicts: A sentence a layer, about the largest hundredth of moves. The level of 5 % is
            divided by the number of layers (Bonferroni).
    """

    table: pd.DataFrame
    verdicts: tuple[str, ...]


def selectivity_of(steps: Sequence[StepWatcher], cells: Cells) -> Selectivity | None:
    """The selectivity of a network's layers; None if none is selective."""
    if not steps:
        return None
    tables = {step.layer: step_table(step.log_step, step.log_rate, cells) for step in steps}
    table = pd.concat(tables, names=["layer"]).reset_index("layer").reset_index(drop=True)
    largest = table.query("by == 'move' and upto == 1")
    level = LEVEL / len(steps)
    return Selectivity(table, tuple(_verdict(row, level) for row in largest.itertuples()))


def step_table(log_step: Float[np.ndarray, " cell"], log_rate: float, cells: Cells) -> pd.DataFrame:
    """The rows of `Selectivity.table` of one layer, whose index is left out.

    Args:
        log_step: Log of the step at each cell.
        log_rate: Log of the rate -A, the geometric mean over channels and states.
        cells: The bars.
    """
    relative = log_step.copy()
    for ticker in np.unique(cells.ticker).tolist():
        relative[cells.of(ticker)] -= relative[cells.of(ticker)].mean()
    rows = []
    for by in ("move", "volatility"):
        measure = getattr(cells, by)
        known = np.isfinite(measure)
        group = rank_groups(measure[known], cells.ticker[known])
        for k, (above, upto) in enumerate(pairwise(EDGES)):
            found = contrast(relative[known], group == k, cells.date[known])
            own = log_step[known][group == k]
            half_life = np.log(2) / np.exp(own.mean() + log_rate) if len(own) else np.nan
            place = {"by": by, "above": above, "upto": upto}
            rows.append({**place, **_row(found), "half_life": half_life})
    return pd.DataFrame(rows)


def _row(found: Contrast) -> dict[str, object]:
    return {
        "step": np.exp(found.mean),
        "low": np.exp(found.mean - 1.96 * found.mean_error),
        "high": np.exp(found.mean + 1.96 * found.mean_error),
        "ratio": np.exp(found.difference),
        "t": found.t,
        "p": found.p,
        "cells": found.cells,
        "dates": found.dates,
    }


def rank_groups(
    values: Float[np.ndarray, " cell"], ticker: Int[np.ndarray, " cell"]
) -> Int[np.ndarray, " cell"]:
    """Which interval of `EDGES` a cell's rank among those of its ticker falls into."""
    share = pd.Series(values).groupby(ticker).rank(pct=True, method="first").to_numpy()
    return np.searchsorted(EDGES[1:-1], share, side="left").astype(np.int64)


def _verdict(row: object, level: float) -> str:
    layer, ratio, t, p = (getattr(row, name) for name in ("layer", "ratio", "t", "p"))
    said = f"layer {layer}: on the 1 % largest moves the step is"
    if np.isnan(p):
        return f"layer {layer}: NOT ENOUGH DATA on the 1 % largest moves"
    measured = f"{said} {ratio:.3f} times that of the other bars, t {t:.1f}"
    if p >= level:
        return f"{measured}: NO EVIDENCE of selectivity"
    return f"{measured}: it lets {'more' if t > 0 else 'less'} in"
