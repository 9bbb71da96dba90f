import numpy as np
import pytest

from forecasting.market.sequences import make_sequences
from forecasting.market.splits import resolve_dates, split_rows
from forecasting.training.windows import (
    WindowLoader,
    Windows,
    evaluation_length,
    evaluation_starts,
)


@pytest.fixture(scope="module")
def table(prices):
    return make_sequences(prices)


@pytest.fixture(scope="module")
def split(table):
    return split_rows(table, resolve_dates(table.panel, 0.6, 0.8))


def test_batch_equals_brute_force(table, split):
    windows = Windows(table, split.train, 64)
    starts = np.array([table.rows(0).start, table.rows(1).start + 7, table.rows(3).start])
    features, targets = windows.batch(starts)
    for i, start in enumerate(starts):
        stop = table.rows(int(table.ticker[start])).stop
        for j in range(64):
            row = start + j
            if row >= stop:
                assert (features[i, j] == 0).all()
                assert targets[i, j].isnan().all()
                continue
            np.testing.assert_array_equal(features[i, j], table.features[row])
            want = table.targets[row] if split.train[row] else np.full(3, np.nan)
            np.testing.assert_array_equal(targets[i, j], want.astype(np.float32))


def test_training_windows_hold_no_later_target(table, split):
    """No window of any step shows a target that is not known before validation begins."""
    loader = WindowLoader(
        Windows(table, split.train, 64), batch_size=64, first_step=0, steps=5, seed=0
    )
    latest = np.nanmax(np.abs(table.targets[split.train]))
    for _, targets in loader:
        assert np.nanmax(np.abs(targets.numpy())) <= np.float32(latest)
    usable = [row for k in range(4) for row in Windows(table, split.train, 64).slices(k)]
    assert max(table.origin[usable]) < table.origin[split.validation].min()


def test_windows_cover_every_training_row(table, split):
    windows = Windows(table, split.train, 64)
    covered = np.zeros(len(table.origin), dtype=bool)
    for k in range(4):
        for start in windows.slices(k):
            covered[start : start + 64] = True
    assert covered[split.train].all()


def test_a_ticker_shorter_than_a_window_is_padded(table, split):
    windows = Windows(table, split.train, 5000)
    assert [len(windows.slices(k)) for k in range(4)] == [1, 1, 1, 1]
    features, targets = windows.batch(np.array([table.rows(0).start]))
    rows = table.rows(0)
    assert np.isfinite(targets[0, : rows.stop - rows.start].numpy()).any()
    assert targets[0, rows.stop - rows.start :].isnan().all()
    assert np.isfinite(features.numpy()).all()


def test_draws_depend_on_seed_and_step_only(table, split):
    windows = Windows(table, split.train, 32)

    def draws(first, steps, seed=0):
        loader = WindowLoader(windows, batch_size=4, first_step=first, steps=steps, seed=seed)
        return [features.numpy() for features, _ in loader]

    whole = draws(0, 6)
    np.testing.assert_array_equal(np.stack(whole[4:]), np.stack(draws(4, 2)))
    assert not np.array_equal(whole[0], whole[1])
    assert not np.array_equal(whole[0], draws(0, 1, seed=1)[0])


def test_validation_sees_every_validation_target_once(table, split):
    length = evaluation_length(table, split.validation, 48)
    windows = Windows(table, split.validation, length)
    _, targets = windows.batch(evaluation_starts(windows, 48))
    seen = np.isfinite(targets.numpy()).sum(axis=(0, 1))
    np.testing.assert_array_equal(seen, np.isfinite(table.targets[split.validation]).sum(axis=0))
