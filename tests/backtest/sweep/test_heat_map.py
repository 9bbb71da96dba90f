"""The heat map shows the table's numbers, marks the best, and says what luck finds."""

import numpy as np
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from forecasting.backtest.sweep.grid import Grid
from forecasting.backtest.sweep.result import Sweep
from forecasting.backtest.sweep.sweep import sweep
from forecasting.errors import ConfigError

PANEL = random_walk(120, 6, seed=3)


@pytest.fixture(scope="module")
def made() -> Sweep:
    grid = Grid.parse(["top_k=1,2,3 cost_bps=0,10 rebalance_every=1:5"])
    return sweep(noise_forecast(PANEL, 4), PANEL, grid)


def cells(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("others", ["median", "best"])
def test_cells_are_medians_or_bests_over_the_other_axes(made: Sweep, others: str) -> None:
    figure = made.plot("top_k", "cost_bps", others=others)
    groups = made.table.groupby(["cost_bps", "top_k"])["sharpe"]
    wanted = groups.median() if others == "median" else groups.max()
    assert cells(figure) == [f"{value:.2f}" for value in wanted]
    assert figure.get_suptitle() == f"Net Sharpe, {others} over rebalance_every"


def test_the_longest_axes_are_shown_by_default(made: Sweep) -> None:
    axis = made.plot().axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("rebalance_every", "top_k")
    assert made.plot(y="rebalance_every").axes[0].get_xlabel() == "top_k"


def test_the_best_is_framed(made: Sweep) -> None:
    assert made.best is not None
    axis = made.plot("top_k", "cost_bps").axes[0]
    frames = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    column, row = (round(v + 0.48) for v in frames[-1].get_xy())
    assert (1, 2, 3)[column] == made.best["top_k"]
    assert (0, 10)[row] == made.best["cost_bps"]


def test_luck_stands_beside_it(made: Sweep) -> None:
    words = made.plot().get_supxlabel()
    assert made.luck.verdict in words
    assert f"{made.luck.expected_max_sharpe:.2f}" in words.replace("\n", " ")


def test_one_axis_is_one_row() -> None:
    grid = Grid.parse(["no_trade_band=none,1,2.5"])
    figure = sweep(noise_forecast(PANEL, 4), PANEL, grid).plot()
    assert len(cells(figure)) == 3
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert labels == ["none", "1", "2.5"]


def test_many_cells_have_a_scale_in_place_of_numbers() -> None:
    grid = Grid.parse(["rebalance_every=1:20 top_k=1,2"])
    figure = sweep(noise_forecast(PANEL, 4), PANEL, grid).plot()
    assert not cells(figure)
    assert len(figure.axes) == 2


def test_nobody_trades() -> None:
    forecast = make_forecast(PANEL, np.zeros(PANEL.mask.shape))
    figure = sweep(forecast, PANEL, Grid.parse(["top_k=1,2"])).plot()
    assert cells(figure) == ["No configuration traded: no Sharpe ratio to show."]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"x": "topk"}, "did you mean 'top_k'"),
        ({"x": "top_k", "y": "top_k"}, "expected two axes"),
        ({"others": "mean"}, "expected median or best"),
    ],
)
def test_axes_that_are_not_there(made: Sweep, axes: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made.plot(**axes)
