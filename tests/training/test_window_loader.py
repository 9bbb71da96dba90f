"""Which windows a step has: every window once an epoch, however ranks and workers share it."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.splits import resolve_dates, split_rows
from forecasting.training.window_loader import WindowLoader
from forecasting.training.windows import Batch, Windows


@pytest.fixture(scope="module")
def sequences(prices) -> Sequences:
    return make_sequences(prices)


@pytest.fixture(scope="module")
def usable(sequences) -> np.ndarray:
    return split_rows(sequences, resolve_dates(sequences.panel, 0.6, 0.8)).train


@pytest.fixture(scope="module")
def windows(sequences, usable) -> Windows:
    return Windows.over(sequences, usable, 32)


def loader(windows: Windows, **options) -> WindowLoader:
    plain = {"batch_size": 8, "first_step": 0, "steps": 1, "seed": 0, "sampling": "epoch"}
    return WindowLoader(windows, **(plain | options))


def own_starts(part: WindowLoader) -> list[int]:
    """First rows of all windows of a rank."""
    steps = (part.starts(step)[0][part.rank :: part.world_size] for step in part.step_numbers)
    return [int(start) for starts in steps for start in starts]


@settings(deadline=None, max_examples=25)
@given(
    batch_size=st.integers(1, 400),
    world_size=st.integers(1, 5),
    stride=st.integers(1, 40),
    epoch=st.integers(0, 3),
)
def test_the_ranks_of_an_epoch_see_every_window_once(
    sequences, usable, batch_size, world_size, stride, epoch
):
    windows = Windows.over(sequences, usable, 32, stride)
    steps = loader(windows, batch_size=batch_size).steps_per_epoch
    seen = [
        start
        for rank in range(world_size)
        for start in own_starts(
            loader(
                windows,
                batch_size=batch_size,
                first_step=epoch * steps,
                steps=steps,
                rank=rank,
                world_size=world_size,
            )
        )
    ]
    expected = [start for k in range(4) for start in windows.slices(k)]
    assert sorted(seen) == expected
    assert len(windows) == len(expected)


def test_the_steps_of_an_epoch_have_about_the_same_size(windows):
    whole = loader(windows, batch_size=100)
    sizes = {len(whole.starts(step)[0]) for step in range(whole.steps_per_epoch)}
    assert max(sizes) <= 100
    assert max(sizes) - min(sizes) <= 1


@settings(deadline=None, max_examples=15)
@given(step=st.integers(0, 400), sampling=st.sampled_from(["random", "epoch"]))
def test_a_run_that_resumes_at_any_step_sees_what_it_would_have_seen(windows, step, sampling):
    whole = loader(windows, steps=402, sampling=sampling)
    rest = loader(windows, first_step=step, steps=2, sampling=sampling)
    assert len(rest) == 2
    for found, expected in zip(rest, (whole[step], whole[step + 1]), strict=True):
        assert_same(found, expected)


def test_each_epoch_and_each_seed_has_an_order_of_its_own(windows):
    n = loader(windows).steps_per_epoch
    orders = [
        own_starts(loader(windows, first_step=first, steps=n, seed=seed))
        for first, seed in ((0, 0), (n, 0), (0, 1))
    ]
    assert len({tuple(order) for order in orders}) == 3
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_random_draws_are_those_of_the_list_of_all_starts(windows):
    """The list itself is never made."""
    every = np.concatenate([np.asarray(windows.slices(k)) for k in range(4)])
    for step in range(20):
        expected = np.random.default_rng([3, step]).choice(every, 16)
        found, _ = loader(windows, seed=3, batch_size=16, sampling="random").starts(step)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("sampling", ["random", "epoch"])
def test_the_ranks_of_a_step_share_its_windows(windows, sampling):
    whole = loader(windows, sampling=sampling)[0]
    parts = [loader(windows, sampling=sampling, rank=r, world_size=3)[0] for r in range(3)]
    for r, part in enumerate(parts):
        np.testing.assert_array_equal(part.features, whole.features[r::3])
        np.testing.assert_array_equal(part.targets, whole.targets[r::3])


def test_a_stride_keeps_the_newest_rows(sequences, usable):
    windows = Windows.over(sequences, usable, 32, 10)
    for k in range(4):
        starts = windows.slices(k)
        last = np.flatnonzero(usable[sequences.rows(k)])[-1] + sequences.rows(k).start
        assert starts[-1] + 32 == last + 1
        assert starts[0] - sequences.rows(k).start < 10
        assert set(np.diff(starts)) == {10}


def test_an_epoch_over_dates_is_refused(windows):
    with pytest.raises(ValueError, match="expected random"):
        loader(windows, across=True)


def test_a_ticker_without_usable_rows_has_no_window(sequences, usable):
    masked = usable & (sequences.ticker != 1)
    windows = Windows.over(sequences, masked, 32)
    starts = own_starts(loader(windows, batch_size=50, steps=len(windows) // 50 + 1))
    assert {int(sequences.ticker[start]) for start in starts} == {0, 2, 3}


@pytest.mark.slow
def test_worker_processes_map_the_table_and_keep_the_order(prices, usable):
    mapped = make_sequences(prices, mapped=True)
    windows = Windows.over(mapped, usable, 32)
    assert len(pickle.dumps(windows)) < 2000 + usable.nbytes
    whole = loader(windows, steps=7)
    shared = DataLoader(whole, batch_size=None, num_workers=2, multiprocessing_context="spawn")
    for found, expected in zip(shared, whole, strict=True):
        assert_same(found, expected)


def assert_same(found: Batch, expected: Batch) -> None:
    for one, other in zip(found[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(one, other)
