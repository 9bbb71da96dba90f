from dataclasses import replace

import numpy as np
import pytest

from forecasting.market.sequences import make_sequences
from forecasting.market.splits import resolve_dates, split_rows
from forecasting.training.window_loader import WindowLoader
from forecasting.training.windows import Windows, evaluation_length, evaluation_starts


@pytest.fixture(scope="module")
def table(prices):
    return make_sequences(prices)


@pytest.fixture(scope="module")
def split(table):
    return split_rows(table, resolve_dates(table.panel, 0.6, 0.8))


def test_batch_equals_brute_force(table, split):
    windows = Windows.over(table, split.train, 64)
    starts = np.array([table.rows(0).start, table.rows(1).start + 7, table.rows(3).start])
    features, targets, bar, tasks = windows.batch(starts)
    assert tasks == {}
    for i, start in enumerate(starts):
        stop = table.rows(int(table.ticker[start])).stop
        for j in range(64):
            row = start + j
            if row >= stop:
                assert (features[i, j] == 0).all()
                assert targets[i, j].isnan().all()
                assert bar[i, j] == -1
                continue
            assert bar[i, j] == table.origin[row]
            np.testing.assert_array_equal(features[i, j], table.features[row])
            want = table.targets[row] if split.train[row] else np.full(3, np.nan)
            np.testing.assert_array_equal(targets[i, j], want.astype(np.float32))


@pytest.mark.parametrize("length", [16, 64, 400])
def test_a_window_is_the_same_in_any_company(prices, length):
    """Alone on bars without a hole it is copied in one piece; the others take every row by itself.

    Volumes are missing, so that some bars are no rows and yet end the returns of others.
    """
    values = prices.values.copy()
    values[300:303, 1, 4] = np.nan
    table = make_sequences(replace(prices, values=values), tasks=("range_variance",))
    windows = Windows.over(table, np.arange(len(table.origin)) % 7 > 0, length)
    starts = np.concatenate([np.arange(table.rows(k).start, table.rows(k).stop) for k in range(4)])
    whole = windows.batch(starts)
    targets = table.targets.astype(np.float32)
    for i in range(0, len(starts), 9):
        alone = windows.batch(starts[i : i + 1])
        for found, expected in zip(alone[:3], whole[:3], strict=True):
            np.testing.assert_array_equal(found[0], expected[i])
        rows = np.arange(starts[i], min(starts[i] + length, table.rows(int(table.ticker[i])).stop))
        want = np.where(windows.usable[rows, None], targets[rows], np.nan)
        np.testing.assert_array_equal(alone.targets[0, : len(rows)], want)
        np.testing.assert_array_equal(alone.bar[0, : len(rows)], table.origin[rows])


def test_tasks_are_masked_where_the_return_is(prices, split):
    """As if the task were to forecast the return again."""
    table = make_sequences(prices)
    again = replace(table, tasks={"range_variance": table.targets})
    starts = np.array([table.rows(0).start, table.rows(3).start + 5, table.rows(3).stop - 9])
    batch = Windows.over(again, split.train, 64).batch(starts)
    np.testing.assert_array_equal(batch.tasks["range_variance"], batch.targets)
    assert batch.targets.isfinite().any()


def test_training_windows_hold_no_later_target(table, split):
    """No window of any step shows a target that is not known before validation begins."""
    loader = WindowLoader(
        Windows.over(table, split.train, 64), batch_size=64, first_step=0, steps=5, seed=0
    )
    latest = np.nanmax(np.abs(table.targets[split.train]))
    for _, targets, *_ in loader:
        assert np.nanmax(np.abs(targets.numpy())) <= np.float32(latest)
    usable = [row for k in range(4) for row in Windows.over(table, split.train, 64).slices(k)]
    assert max(table.origin[usable]) < table.origin[split.validation].min()


def test_windows_cover_every_training_row(table, split):
    windows = Windows.over(table, split.train, 64)
    covered = np.zeros(len(table.origin), dtype=bool)
    for k in range(4):
        for start in windows.slices(k):
            covered[start : start + 64] = True
    assert covered[split.train].all()


def test_a_ticker_shorter_than_a_window_is_padded(table, split):
    windows = Windows.over(table, split.train, 5000)
    assert [len(windows.slices(k)) for k in range(4)] == [1, 1, 1, 1]
    features, targets, _, _ = windows.batch(np.array([table.rows(0).start]))
    rows = table.rows(0)
    assert np.isfinite(targets[0, : rows.stop - rows.start].numpy()).any()
    assert targets[0, rows.stop - rows.start :].isnan().all()
    assert np.isfinite(features.numpy()).all()


def test_draws_depend_on_seed_and_step_only(table, split):
    windows = Windows.over(table, split.train, 32)

    def draws(first, steps, seed=0):
        loader = WindowLoader(windows, batch_size=4, first_step=first, steps=steps, seed=seed)
        return [batch.features.numpy() for batch in loader]

    whole = draws(0, 6)
    np.testing.assert_array_equal(np.stack(whole[4:]), np.stack(draws(4, 2)))
    assert not np.array_equal(whole[0], whole[1])
    assert not np.array_equal(whole[0], draws(0, 1, seed=1)[0])


def test_validation_sees_every_validation_target_once(table, split):
    length = evaluation_length(table.table, split.validation, 48)
    windows = Windows.over(table, split.validation, length)
    batch = windows.batch(evaluation_starts(windows, 48))
    seen = np.isfinite(batch.targets.numpy()).sum(axis=(0, 1))
    np.testing.assert_array_equal(seen, np.isfinite(table.targets[split.validation]).sum(axis=0))


@pytest.mark.parametrize("length", [32, 64, 5000])
def test_across_tickers_a_batch_is_one_span_of_dates(table, split, length):
    windows = Windows.over(table, split.train, length)
    for ticker in range(4):
        for start in windows.slices(ticker)[::50]:
            starts, until = windows.across(start)
            assert start in starts
            assert list(table.ticker[starts]) == sorted(set(table.ticker[starts]))
            _, _, bar, _ = windows.batch(starts, until)
            for row, first in zip(bar.numpy(), starts, strict=True):
                rows = table.rows(int(table.ticker[first]))
                own = table.origin[rows]
                expected = own[own <= until][-length:]
                np.testing.assert_array_equal(row[row >= 0], expected)
                assert (row[len(expected) :] == -1).all()
                assert table.origin[start] <= row.max() <= until
            assert bar.max() == until < table.origin[split.validation].min()


def test_a_ticker_without_a_bar_in_the_span_is_left_out(prices):
    values = prices.values.copy()
    values[260:, 1] = np.nan
    table = make_sequences(replace(prices, values=values))
    windows = Windows.over(table, np.ones(len(table.origin), dtype=bool), 32)
    late = table.rows(0).stop - 32
    assert table.ticker[windows.across(late)[0]].tolist() == [0, 2, 3]
    assert table.ticker[windows.across(table.rows(0).start)[0]].tolist() == [0, 1, 2]


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_across_tickers_draws_depend_on_seed_and_step_only(table, split, batch_size):
    windows = Windows.over(table, split.train, 32)

    def bars(first, steps):
        loader = WindowLoader(
            windows, batch_size=batch_size, first_step=first, steps=steps, seed=3, across=True
        )
        return [bar.numpy() for _, _, bar, _ in loader]

    whole = bars(0, 8)
    assert max(len(bar) for bar in whole) == min(batch_size, 4)
    for found, expected in zip(bars(5, 3), whole[5:], strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len({bar.max() for bar in whole}) > 4
