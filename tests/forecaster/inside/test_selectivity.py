"""A step that follows the moves is seen, and one that does not is not."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.forecaster.inside.cells import Cells, make_cells
from forecasting.forecaster.inside.selectivity import EDGES, rank_groups, step_table
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


@pytest.fixture(scope="module")
def cells(prices: Panel) -> Cells:
    """Of a market in which the largest hundredth of moves falls on thirty dates of each ticker."""
    cells = make_cells(make_sequences(prices))
    rng = np.random.default_rng(0)
    many = {
        name: np.tile(getattr(cells, name), 6) for name in ("date", "place", "move", "volatility")
    }
    ticker = np.repeat(np.arange(6 * 4), np.tile(np.bincount(cells.ticker), 6))
    many["move"] = np.abs(rng.standard_t(4, len(ticker)))
    return replace(cells, tickers=tuple(f"T{k}" for k in range(24)), ticker=ticker, **many)


def test_a_planted_step_is_found(cells):
    rng = np.random.default_rng(1)
    largest = rank_groups(cells.move, cells.ticker) == len(EDGES) - 2
    log_step = -3 + 0.4 * cells.ticker + np.log(1.12) * largest
    table = step_table(log_step + 0.05 * rng.normal(size=len(largest)), np.log(2.0), cells)
    moves = table.query("by == 'move'")
    assert moves["ratio"].iloc[-1] == pytest.approx(1.12, abs=0.02)
    assert moves["step"].iloc[-1] == pytest.approx(1.12, abs=0.02)
    assert moves["t"].iloc[-1] > 8
    np.testing.assert_allclose(moves["step"].iloc[:-1], 1, atol=0.01)
    assert (moves["low"] < moves["step"]).all()
    assert (moves["step"] < moves["high"]).all()
    own = log_step[largest]
    half_life = np.log(2) / (2 * np.exp(own.mean()))
    assert moves["half_life"].iloc[-1] == pytest.approx(half_life, rel=0.02)
    assert table.groupby("by")["cells"].sum().tolist() == [len(largest)] * 2


def test_groups_are_ranks_among_the_tickers_own_bars():
    values = np.r_[np.arange(1000.0), 1e6 * np.arange(1000.0)]
    groups = rank_groups(values, np.repeat([0, 1], 1000))
    np.testing.assert_array_equal(groups[:1000], groups[1000:])
    assert np.bincount(groups[:1000]).tolist() == [100] * 9 + [90, 10]
