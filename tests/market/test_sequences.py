from dataclasses import replace

import numpy as np
import pytest

from forecasting.market.features import compute_features
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import simulate
from forecasting.market.splits import resolve_dates, split_rows
from forecasting.market.targets import range_variance_targets, rank_targets, scaled_targets


def test_rows_are_the_complete_bars_ticker_after_ticker(prices):
    table = make_sequences(prices)
    grid, volatility = compute_features(prices, table.variant, 0.94)
    complete = np.isfinite(grid).all(axis=2)
    for k in range(len(prices.tickers)):
        rows = table.rows(k)
        assert (table.ticker[rows] == k).all()
        np.testing.assert_array_equal(table.origin[rows], np.flatnonzero(complete[:, k]))
        np.testing.assert_array_equal(
            table.features[rows], grid[complete[:, k], k].astype(np.float32)
        )
        np.testing.assert_array_equal(table.volatility[rows], volatility[complete[:, k], k])


def test_a_window_is_a_view(prices):
    table = make_sequences(prices)
    assert np.shares_memory(table.features[10:50], table.features)
    assert table.features.flags.c_contiguous


@pytest.mark.parametrize("tasks", [(), ("rank", "range_variance")])
def test_a_table_on_disk_makes_the_same_sequences(halted, tasks):
    memory, disk = (make_sequences(halted, tasks=tasks, mapped=mapped) for mapped in (False, True))
    np.testing.assert_allclose(disk.features, memory.features, rtol=1e-6, atol=1e-6)
    for name in ("volatility", "targets", "label_end", "origin", "offsets", "ticker"):
        np.testing.assert_allclose(getattr(disk, name), getattr(memory, name), rtol=1e-12)
    for task in tasks:
        np.testing.assert_array_equal(disk.tasks[task], memory.tasks[task])


def test_to_grid_puts_values_back(prices):
    table = make_sequences(prices)
    grid = table.to_grid(table.volatility)
    np.testing.assert_array_equal(grid[table.origin, table.ticker], table.volatility)
    assert np.isfinite(grid).sum() == len(table.volatility)


def test_truncating_the_panel_truncates_the_table(prices):
    whole = make_sequences(prices)
    part = make_sequences(prices.between(None, prices.times[450]))
    for k in range(len(prices.tickers)):
        n = part.rows(k).stop - part.rows(k).start
        first = whole.rows(k).start
        np.testing.assert_array_equal(
            whole.features[first : first + n], part.features[part.rows(k)]
        )


def test_feature_by_name(prices):
    table = make_sequences(prices)
    for j, name in enumerate(table.feature_names):
        np.testing.assert_array_equal(table.feature(name), table.features[:, j])


@pytest.fixture
def halted() -> Panel:
    """Six tickers, of which the third misses bars 170 to 189."""
    panel = simulate("volatility", n_tickers=6, n_bars=300)
    values = panel.values.copy()
    values[170:190, 2] = np.nan
    return replace(panel, values=values)


@pytest.mark.parametrize("tasks", [(), ("rank",), ("range_variance",), ("rank", "range_variance")])
def test_tasks_are_laid_out_as_the_targets_are(halted, tasks):
    table, plain = make_sequences(halted, tasks=tasks), make_sequences(halted)
    targets, label_end = scaled_targets(
        halted, compute_features(halted, "ohlcv", 0.94)[1], (1, 5, 21)
    )
    ranks, known = rank_targets(targets, label_end)
    want = {"rank": ranks, "range_variance": range_variance_targets(halted, 0.94, (1, 5, 21))}
    cells = (table.origin, table.ticker)
    assert set(table.tasks) == set(tasks)
    for task, found in table.tasks.items():
        np.testing.assert_array_equal(found, want[task][cells])
    np.testing.assert_array_equal(table.targets, targets[cells])
    np.testing.assert_array_equal(table.last_label, table.label_end.max(axis=1))
    np.testing.assert_array_equal(table.label_end, (known if "rank" in tasks else label_end)[cells])
    for name in ("features", "volatility", "targets", "origin", "offsets"):
        np.testing.assert_array_equal(getattr(table, name), getattr(plain, name))


def test_a_split_is_purged_by_the_last_return_that_a_rank_compares(halted):
    """The halt of one ticker spans the first bar of validation."""
    dates = resolve_dates(halted, 0.6, 0.8)  # bar 180
    last = {}
    for tasks in ((), ("rank",)):
        table = make_sequences(halted, tasks=tasks)
        split = split_rows(table, dates)
        others = split.train & (table.ticker != 2)
        last[tasks] = table.origin[others].max()
    assert last == {(): 180 - 22, ("rank",): 169 - 21}
