"""Combinatorial purged cross-validation against a slow twin, by hand, and against skfolio."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.errors import ConfigError, DataError
from forecasting.market.folds.audit import FoldLeak, audit_fold
from forecasting.market.folds.combinatorial import (
    CombinatorialSettings,
    CombinatorialSplit,
    audit_split,
    combinatorial_splits,
)
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences, make_sequences
from forecasting.market.splits import Split

HORIZONS = (1, 5, 21)


@pytest.fixture(scope="module")
def sequences(prices: Panel) -> Sequences:
    return make_sequences(prices, variant="close", horizons=HORIZONS)


@pytest.fixture(scope="module")
def one_ticker() -> Sequences:
    """One ticker without a hole: bars, dates and rows are the same thing."""
    steps = np.random.default_rng(0).normal(0, 0.01, 305)
    frame = pd.DataFrame(
        {"adj_close": 50 * np.exp(np.cumsum(steps))},
        index=pd.bdate_range("2010-01-04", periods=305),
    )
    return make_sequences(Panel.from_frames({"AAA": frame}), variant="close", horizons=(1, 5))


def slow_training(sequences: Sequences, test: np.ndarray, embargo: int) -> np.ndarray:
    """Row after row: trained on unless its label shares a bar with a tested one's."""
    origin, end = sequences.origin, sequences.last_label
    known = end < len(sequences.panel.times)
    spans = {(origin[j], end[j] + embargo) for j in np.flatnonzero(test)}
    return np.array(
        [
            known[i] and all(end[i] < first or origin[i] > last for first, last in spans)
            for i in range(len(origin))
        ]
    )


def test_hand_made_split(one_ticker: Sequences) -> None:
    """Five groups, of which the second is tested: five bars purged on both sides, then two."""
    origin = one_ticker.origin
    dates = origin[one_ticker.last_label < 305]
    split = combinatorial_splits(one_ticker, CombinatorialSettings(5, 1, embargo=2))[1]
    begin, end = np.array_split(dates, 5)[1][[0, -1]]
    np.testing.assert_array_equal(origin[split.rows.test], np.arange(begin, end + 1))
    expected = [*range(dates[0], begin - 5), *range(end + 5 + 2 + 1, dates[-1] + 1)]
    np.testing.assert_array_equal(origin[split.rows.train], expected)


@pytest.mark.parametrize(
    ("groups", "test_groups", "splits", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9)]
)
def test_numbers_of_splits_and_paths(groups, test_groups, splits, paths) -> None:
    asked = CombinatorialSettings(groups, test_groups)
    assert (asked.n_splits, asked.n_paths) == (splits, paths)


@settings(deadline=None, max_examples=20)
@given(groups=st.integers(2, 8), test_groups=st.integers(1, 7))
def test_every_path_covers_every_group_once(groups: int, test_groups: int) -> None:
    if test_groups >= groups:
        return
    asked = CombinatorialSettings(groups, test_groups)
    assert asked.n_paths * groups == math.comb(groups, test_groups) * test_groups
    paths = asked.paths()
    assert paths.shape == (asked.n_splits, groups)
    for group, path in itertools.product(range(groups), range(asked.n_paths)):
        assert (paths[:, group] == path).sum() == 1
    for split, tested in enumerate(asked.combinations()):
        assert tuple(np.flatnonzero(paths[split] >= 0)) == tested


@settings(deadline=None, max_examples=6)
@given(groups=st.integers(3, 6), test_groups=st.integers(1, 2), embargo=st.integers(0, 12))
def test_splits_equal_the_slow_twin(sequences, groups, test_groups, embargo) -> None:
    asked = CombinatorialSettings(groups, test_groups, embargo)
    splits = combinatorial_splits(sequences, asked)
    known = sequences.last_label < len(sequences.panel.times)
    tested = np.sum([split.rows.test for split in splits], axis=0)
    np.testing.assert_array_equal(tested, known * asked.n_paths)
    for split in splits[:: max(1, len(splits) // 3)]:
        expected = slow_training(sequences, split.rows.test, embargo)
        np.testing.assert_array_equal(split.rows.train, expected)
        assert audit_split(split, sequences, asked).smallest_gap >= 1


@pytest.mark.parametrize("side", ["before", "after", "embargo"])
def test_audit_catches_a_row_of_either_side(sequences: Sequences, side: str) -> None:
    asked = CombinatorialSettings(5, 1, embargo=10)
    split = combinatorial_splits(sequences, asked)[2]
    origin, end = sequences.origin, sequences.last_label
    inside = origin[split.rows.test]
    at = {"before": inside.min() - 1, "after": inside.max() + 1, "embargo": inside.max() + 26}[side]
    row = int(np.flatnonzero((origin == at) & ~split.rows.train)[0])
    train = split.rows.train.copy()
    train[row] = True
    bad = CombinatorialSplit(
        2, split.tested, Split(train, split.rows.validation, split.rows.test), split.group
    )
    with pytest.raises(FoldLeak, match="fold 2: 1 training labels reach into the test") as caught:
        audit_split(bad, sequences, asked)
    assert caught.value.rows.tolist() == [row]
    if side == "embargo":
        audit_fold(bad.rows, origin, end, embargo=0)


def test_settings_and_histories_that_do_not_suffice(sequences, one_ticker) -> None:
    for wrong in ((3, 3), (3, 0), (1, 1)):
        with pytest.raises(ConfigError, match="test groups of"):
            CombinatorialSettings(*wrong)
    with pytest.raises(ConfigError, match="an embargo of -1 bars"):
        CombinatorialSettings(embargo=-1)
    with pytest.raises(DataError, match=r"dates with features .* each of 1000 groups"):
        combinatorial_splits(one_ticker, CombinatorialSettings(1000, 1))
    with pytest.raises(DataError, match=r"split 0, which tests the groups .* nothing to train on"):
        combinatorial_splits(sequences, CombinatorialSettings(2, 1, embargo=600))


@pytest.mark.oracle
@pytest.mark.parametrize(("groups", "test_groups", "embargo"), [(6, 2, 0), (6, 2, 3), (5, 3, 4)])
def test_same_splits_as_skfolio(one_ticker, groups, test_groups, embargo) -> None:
    """Every label ends five bars later, so their purge of five observations is ours."""
    selection = pytest.importorskip("skfolio.model_selection")
    origin, known = one_ticker.origin, one_ticker.last_label < len(one_ticker.panel.times)
    dates = origin[known]
    dates = dates[: len(dates) - len(dates) % groups]  # theirs may cut a remainder otherwise
    panel = one_ticker.panel.at(slice(dates[-1] + 6))
    ours = make_sequences(panel, variant="close", horizons=(1, 5))
    asked = CombinatorialSettings(groups, test_groups, embargo)
    theirs = selection.CombinatorialPurgedCV(
        n_folds=groups, n_test_folds=test_groups, purged_size=5, embargo_size=embargo
    )
    pairs = list(theirs.split(np.zeros((len(dates), 1))))
    assert len(pairs) == asked.n_splits
    assert theirs.n_test_paths == asked.n_paths
    found = combinatorial_splits(ours, asked)
    by_test = {tuple(np.sort(np.concatenate(test))): train for train, test in pairs}
    for split in found:
        place = np.searchsorted(dates, ours.origin[split.rows.test])
        expected = by_test[tuple(place)]
        np.testing.assert_array_equal(dates[np.sort(expected)], ours.origin[split.rows.train])
