"""Every table on every kind of poor data: NaN where nothing can be said, never a stray number."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluation.scores.panels import cells_of, common_shocks, law_of

from forecasting.evaluation.scores.brier import reliability_curve
from forecasting.evaluation.scores.calibration import coverage_table, normality_table
from forecasting.evaluation.scores.cells import Cells
from forecasting.evaluation.scores.direction import direction_table
from forecasting.evaluation.scores.information_coefficient import decay_table
from forecasting.evaluation.scores.ranking import ranking_table
from forecasting.evaluation.scores.tails import tail_table
from forecasting.evaluation.scores.variance import variance_table
from forecasting.forecast.quantile_law import LEVELS, QuantileLaw

Table = Callable[[list[Cells], list[str]], pd.DataFrame]

TABLES: dict[str, Table] = {
    "coverage": coverage_table,
    "normality": normality_table,
    "direction": direction_table,
    "tails": tail_table,
    "variance": variance_table,
    "ranking": lambda cells, names: ranking_table(cells, names, 252),
    "decay": decay_table,
    "curve": lambda cells, names: reliability_curve(cells[0], names[0]),
}
NOISE = common_shocks(np.random.default_rng(0), 300, 1)
RETURNS = {
    "one ticker": NOISE,
    "one cell": NOISE[:1],
    "few dates": np.repeat(NOISE[:10], 3, axis=1),
    "no movement": np.zeros((300, 2)),
    "always up": np.abs(np.repeat(NOISE, 2, axis=1)),
    "one date of many tickers": NOISE.reshape(1, 300),
}
UNTESTED = ("one cell", "few dates", "one date of many tickers")


def poor_cells(kind: str, horizon: int) -> Cells:
    returns = RETURNS[kind]
    quantile = QuantileLaw(
        np.tile(np.sinh(5 * (LEVELS - 0.4)), (returns.size, 1)), np.full(returns.size, 5.0)
    )
    laws = {"t": law_of(returns.shape), "quantile": quantile}
    part = cells_of(returns, horizon, **laws)
    return replace(part, variance=returns.ravel() ** 2, variance_proxy="squared return")


@pytest.mark.parametrize("horizon", [1, 21])
@pytest.mark.parametrize("kind", RETURNS)
@pytest.mark.parametrize("name", TABLES)
def test_poor_data_give_nan_and_no_stray_number(name: str, kind: str, horizon: int) -> None:
    table = TABLES[name]([poor_cells(kind, horizon)], ["t", "quantile"])
    numbers = table.select_dtypes("number")
    assert len(table) >= 1
    assert not np.isinf(numbers.to_numpy(dtype=float)).any()
    for column in numbers.columns[numbers.columns.str.match(r"(.*_)?p$")]:
        p = numbers[column].dropna()
        assert p.between(0, 1).all()
        assert p.empty or kind not in UNTESTED
    for column in numbers.columns[numbers.columns.str.match(r"(.*_)?(t|error)$")]:
        assert numbers[column].isna().all() or kind not in UNTESTED
