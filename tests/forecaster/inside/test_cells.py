"""What the market did on the bars that are looked at."""

import numpy as np
import pytest
from future import KINDS, change_future

from forecasting.errors import DataError
from forecasting.forecaster.inside.cells import Cells, make_cells, market_regimes
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


@pytest.fixture(scope="module")
def cells(prices: Panel) -> Cells:
    return make_cells(make_sequences(prices))


def test_regimes_are_terciles_of_all_dates_before():
    rng = np.random.default_rng(0)
    volatility = rng.lognormal(size=(120, 3))
    volatility[:40, 2] = np.nan
    volatility[70] = np.nan
    found = market_regimes(volatility, least=30)
    for t in range(120):
        if t == 70:
            assert found[t] == -1
            continue
        mean = np.nanmean(volatility[t])
        before = np.nanmean(np.delete(volatility, 70, axis=0)[: t - (t > 70)], axis=1)
        if len(before) < 30:
            assert found[t] == -1
        else:
            low, high = np.quantile(before, [1 / 3, 2 / 3])
            assert found[t] == np.searchsorted([low, high], mean)


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_no_cell_before_it(cells, prices, kind):
    bar = 420
    changed = make_cells(make_sequences(change_future(prices, bar, kind)))
    np.testing.assert_array_equal(changed.regime[: bar + 1], cells.regime[: bar + 1])
    for name in ("ticker", "place", "move", "volatility"):
        found, expected = (getattr(each, name)[each.date <= bar] for each in (changed, cells))
        np.testing.assert_array_equal(found, expected)


def test_a_move_is_counted_in_volatilities_of_the_bar_before(cells, prices):
    sequences = make_sequences(prices)
    volatility = sequences.to_grid(sequences.volatility)
    close = prices.column("adj_close")
    at = np.flatnonzero((cells.date == 333) & (cells.ticker == 1))[0]
    expected = abs(np.log(close[333, 1] / close[332, 1])) / volatility[332, 1]
    assert cells.move[at] == pytest.approx(expected)
    first = [cells.of(k).start for k in range(4)]
    assert np.isnan(cells.move[first]).all()
    assert np.isfinite(np.delete(cells.move, first)).all()


def test_a_part_of_the_cells_is_that_part(cells, prices):
    part = make_cells(make_sequences(prices), ["DDD", "BBB"], prices.times[400])
    inside = np.isin(cells.ticker, [1, 3]) & (cells.date >= 400)
    for name in ("ticker", "date", "place", "move", "volatility"):
        np.testing.assert_array_equal(getattr(part, name), getattr(cells, name)[inside])
    assert part.of(0) == slice(0, 0)
    assert (part.ticker[part.of(3)] == 3).all()


def test_what_is_not_there_is_refused(prices):
    sequences = make_sequences(prices)
    with pytest.raises(DataError, match="no complete bar from 2031"):
        make_cells(sequences, start="2031-01-01")
    with pytest.raises(DataError, match="ZZZ"):
        make_cells(sequences, ["ZZZ"])
