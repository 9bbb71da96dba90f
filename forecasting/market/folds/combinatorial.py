"""Combinatorial purged cross-validation: many backtest paths out of one history.

The dates of a panel are cut into N groups; every choice of k of them is tested once, on what is
fitted on the others. Of the C(N, k) splits, C(N - 1, k - 1) = C(N, k) k / N test a given group, so
that the tests can be put together to that many paths, each of which covers all dates once. Training
lies on both sides of a test: an opinion about how much of a result is luck, for models that are
cheap to fit, and no imitation of trading. `forecasting.market.folds.walk_forward` is that.

Source: Lopez de Prado (2018), Advances in Financial Machine Learning, sections 7.4, 12.3 and 12.4.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from forecasting.errors import ConfigError, DataError
from forecasting.market.folds.audit import FoldAudit, audit_fold
from forecasting.market.sequences import Sequences
from forecasting.market.splits import Split


@dataclass(frozen=True)
class CombinatorialSettings:
    """How to cut, and how much to leave out.

    Attributes:
        groups: N, into which the dates are cut, as equal as can be.
        test_groups: k, tested at once.
        embargo: Bars that are left out after the last label of a test block is known, as features
            of training rows right behind it still look back on it.

    Raises:
        ConfigError: A number is out of range.
    """

    groups: int = 6
    test_groups: int = 2
    embargo: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.test_groups < self.groups:
            raise ConfigError(
                f"{self.test_groups} test groups of {self.groups}: expected at least one to test "
                "and one to train on."
            )
        if self.embargo < 0:
            raise ConfigError(f"an embargo of {self.embargo} bars: expected 0 or more.")

    @property
    def n_splits(self) -> int:
        """C(N, k)."""
        return math.comb(self.groups, self.test_groups)

    @property
    def n_paths(self) -> int:
        """C(N - 1, k - 1) = C(N, k) k / N."""
        return math.comb(self.groups - 1, self.test_groups - 1)

    def combinations(self) -> tuple[tuple[int, ...], ...]:
        """The groups that each split tests, in lexicographic order."""
        return tuple(itertools.combinations(range(self.groups), self.test_groups))

    def paths(self) -> Int[np.ndarray, "split group"]:
        """On which path each tested group of a split lies, -1 where the split does not test it.

        The first split that tests a group gives it to path 0, the next one to path 1, and so on.
        """
        paths = np.full((self.n_splits, self.groups), -1)
        used = np.zeros(self.groups, dtype=int)
        for split, tested in enumerate(self.combinations()):
            paths[split, tested] = used[list(tested)]
            used[list(tested)] += 1
        return paths


@dataclass(frozen=True, eq=False)
class CombinatorialSplit:
    """One of the C(N, k) splits.

    Attributes:
        index: Its place among the combinations.
        tested: Groups that are tested.
        rows: Rows of training and test; none of validation.
        group: Group of each row's date.
    """

    index: int
    tested: tuple[int, ...]
    rows: Split
    group: Int[np.ndarray, " row"]

    def test_of(self, group: int) -> Bool[np.ndarray, " row"]:
        """The rows of one tested group."""
        tested: np.ndarray = self.rows.test & (self.group == group)
        return tested


def combinatorial_splits(
    sequences: Sequences, settings: CombinatorialSettings
) -> tuple[CombinatorialSplit, ...]:
    """All splits of a panel's rows, purged on both sides, with an embargo behind each test block.

    A row is trained on if no bar from its origin to its label's end is one of a tested label, nor
    among the embargoed ones after it. Rows whose label never becomes known are neither trained on
    nor tested.

    Args:
        sequences: Rows of a panel.
        settings: How to cut.

    Raises:
        DataError: There are fewer dates than groups, or a split has nothing to train on or to test.
        FoldLeak: A split fails its audit.
    """
    origin, last_label = sequences.origin, sequences.last_label
    known = last_label < len(sequences.panel.times)
    dates = np.unique(origin[known])
    if len(dates) < settings.groups:
        raise DataError(
            f"{len(dates)} dates with features and a known outcome: expected at least one for each "
            f"of {settings.groups} groups. Use a longer history, or fewer groups."
        )
    begins = [part[0] for part in np.array_split(dates, settings.groups)]
    group = np.searchsorted(begins, origin, side="right") - 1
    splits = []
    for index, tested in enumerate(settings.combinations()):
        test = known & np.isin(group, tested)
        train = known & ~test & _apart(origin, last_label, test, settings.embargo)
        if not train.any():
            raise DataError(
                f"split {index}, which tests the groups {list(tested)} of {settings.groups}, has "
                f"nothing to train on after purging {max(sequences.horizons)} bars and an embargo "
                f"of {settings.embargo}. Use a longer history, or fewer groups."
            )
        rows = Split(train, np.zeros_like(train), test)
        splits.append(CombinatorialSplit(index, tested, rows, group))
        audit_split(splits[-1], sequences, settings)
    return tuple(splits)


def audit_split(
    split: CombinatorialSplit, sequences: Sequences, settings: CombinatorialSettings
) -> FoldAudit:
    """Prove from the index arrays that purge and embargo were kept.

    Raises:
        FoldLeak: They were not.
    """
    return audit_fold(
        split.rows,
        sequences.origin,
        sequences.last_label,
        fold=split.index,
        embargo=settings.embargo,
    )


def _apart(
    origin: Int[np.ndarray, " row"],
    last_label: Int[np.ndarray, " row"],
    test: Bool[np.ndarray, " row"],
    embargo: int,
) -> Bool[np.ndarray, " row"]:
    """Rows whose label shares no bar with a tested label or the embargo behind it."""
    taken = np.zeros(int(last_label.max()) + embargo + 2, dtype=int)
    np.add.at(taken, origin[test], 1)
    np.add.at(taken, last_label[test] + embargo + 1, -1)
    forbidden = np.concatenate([[0], np.cumsum(np.cumsum(taken) > 0)])
    apart: np.ndarray = forbidden[last_label + 1] == forbidden[origin]
    return apart
