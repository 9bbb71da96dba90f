"""The proof that a fold is honest, from its index arrays and from nothing else.

A row's label spans the bars from its origin to the bar at which its last target becomes known.
Whoever made the rows, and whatever their settings promise, what counts is which spans meet.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from forecasting.market.splits import Split

Rows = Bool[np.ndarray, " row"]
Bars = Int[np.ndarray, " row"]


class FoldLeak(AssertionError):
    """A fold in which rows that learn meet rows that judge; no result of it may be believed.

    Attributes:
        fold: Its index.
        rows: The rows that should not be where they are, ascending.
    """

    def __init__(self, fold: int, rows: Int[np.ndarray, " leaking"], words: str) -> None:
        some = ", ".join(map(str, rows[:3])) + (", ..." if len(rows) > 3 else "")
        super().__init__(f"fold {fold}: {len(rows)} {words} (rows {some})")
        self.fold = fold
        self.rows = rows


@dataclass(frozen=True)
class FoldAudit:
    """What the index arrays of one fold prove.

    Attributes:
        fold: Its index.
        train_rows: Rows that are trained on.
        validation_rows: Rows that are validated on.
        test_rows: Rows that are tested on.
        smallest_gap: Bars from the end of a label that was learnt from to the next origin that it
            must not reach, or from the end of a tested label to the next origin that is learnt
            from; at least 1.
    """

    fold: int
    train_rows: int
    validation_rows: int
    test_rows: int
    smallest_gap: int


def audit_fold(
    split: Split, origin: Bars, label_end: Bars, *, fold: int = 0, embargo: int | None = None
) -> FoldAudit:
    """Prove that nothing of what a fold tests was known to what it learns from.

    Args:
        split: The rows of the fold, whoever made them.
        origin: Index of each row's bar.
        label_end: Index of the bar at which the row's last label is known.
        fold: Index of the fold, for the message.
        embargo: None if all that is learnt from has to lie before the test (walk-forward): every
            training label ends before validation begins, every validation label before the test
            begins. A number if training may lie on both sides (cross-validation): no label that is
            learnt from meets a tested one, and after a tested label ends, that many bars are left
            out.

    Raises:
        FoldLeak: Names the fold and the rows.
        ValueError: Nothing is tested, or the arrays are not of the same rows.
    """
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    if any(rows.shape != origin.shape for rows in (*parts.values(), label_end)):
        raise ValueError(f"fold {fold}: expected arrays of {len(origin)} rows each")
    if not split.test.any():
        raise ValueError(f"fold {fold} tests no row: expected at least one")
    there = {name: rows for name, rows in parts.items() if rows.any()}
    gaps = [len(origin)]
    for learns, judges in itertools.combinations(there, 2):
        gap = _gap(origin, label_end, there[learns], there[judges], embargo)
        wrong = np.flatnonzero(there[learns])[gap < 1]
        if len(wrong):
            raise FoldLeak(fold, wrong, f"{learns} labels reach into the {judges} rows")
        gaps.append(int(gap.min()))
    n_train, n_validation, n_test = (int(rows.sum()) for rows in parts.values())
    return FoldAudit(fold, n_train, n_validation, n_test, min(gaps))


def _gap(
    origin: Bars, label_end: Bars, learns: Rows, judges: Rows, embargo: int | None
) -> Int[np.ndarray, " learning"]:
    """Bars between each row that learns and the rows that judge; below 1 where they meet."""
    begin, end = origin[learns], label_end[learns]
    if embargo is None:
        return origin[judges].min() - end
    order = np.argsort(origin[judges], kind="stable")
    judged = origin[judges][order]
    latest = np.maximum.accumulate(label_end[judges][order])
    n_before = np.searchsorted(judged, end, side="right")
    far = 2 * int(label_end.max()) + 2
    after = np.where(n_before > 0, begin - latest[n_before - 1] - embargo, far)
    before = np.append(judged, far)[n_before] - end
    return np.minimum(after, before)


def audit_walk_forward(
    splits: Sequence[Split], origin: Bars, label_end: Bars
) -> tuple[FoldAudit, ...]:
    """Prove every fold of a walk-forward, and that their tests follow each other without a hole.

    Args:
        splits: Rows of each fold, the earliest test first.
        origin: Index of each row's bar.
        label_end: Index of the bar at which the row's last label is known.

    Raises:
        FoldLeak: A fold leaks, a bar is tested twice or out of order, or a row from the first
            tested bar on is never tested; names the fold and the rows.
    """
    audits = []
    reached = -1
    for fold, split in enumerate(splits):
        audits.append(audit_fold(split, origin, label_end, fold=fold))
        early = np.flatnonzero(split.test & (origin <= reached))
        if len(early):
            raise FoldLeak(fold, early, "test rows lie on bars of an earlier test")
        reached = int(origin[split.test].max())
    tested = np.logical_or.reduce([split.test for split in splits])
    missed = np.flatnonzero(~tested & (origin >= origin[tested].min()))
    if len(missed):
        after = int(np.searchsorted([origin[s.test].min() for s in splits], origin[missed[0]]))
        raise FoldLeak(max(after - 1, 0), missed, "rows of the test span are never tested")
    return tuple(audits)
