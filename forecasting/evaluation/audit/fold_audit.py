"""Leak test 9: no label that a fold learns from is known only when its test has begun."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from forecasting.evaluation.audit.finding import Finding, Outcome
from forecasting.market.folds.audit import FoldAudit, FoldLeak, audit_fold, audit_walk_forward
from forecasting.market.splits import Split

FOLD_AUDIT = "fold audit"

Bars = Int[np.ndarray, " row"]


def fold_audit(
    splits: Sequence[Split],
    origin: Bars,
    label_end: Bars,
    *,
    embargo: int | None = None,
    stage: str = "windows",
) -> Finding:
    """Prove every fold from its index arrays, whoever made them and whatever was configured.

    Args:
        splits: Rows of each fold, the earliest test first; a training that is not refitted is one
            fold.
        origin: Index of each row's bar.
        label_end: Index of the bar at which the row's last label is known.
        embargo: None for a walk-forward, where all that is learnt from lies before the test, and
            every row from the first test on is tested once; bars left out after a test for folds
            of a cross-validation.
        stage: What is blamed.

    Raises:
        ValueError: There is no fold, a fold tests nothing, or the arrays are not of the same rows.
    """
    if not splits:
        raise ValueError("no fold came: expected at least one")
    try:
        audits = _prove(splits, origin, label_end, embargo)
    except FoldLeak as leak:
        said = f"{leak}{_overlap(splits[leak.fold], origin, label_end)}"
        return Finding(FOLD_AUDIT, stage, Outcome.FAILED, said)
    gap = min(audit.smallest_gap for audit in audits)
    tested = sum(audit.test_rows for audit in audits)
    said = (
        f"{len(audits)} fold{'s' if len(audits) > 1 else ''}, {tested:,} tested rows: every label "
        f"that is learnt from is known at least {gap} bar{'s' if gap > 1 else ''} before what it "
        "must not reach"
    )
    return Finding(FOLD_AUDIT, stage, Outcome.PASSED, said)


def _prove(
    splits: Sequence[Split], origin: Bars, label_end: Bars, embargo: int | None
) -> tuple[FoldAudit, ...]:
    if embargo is None:
        return audit_walk_forward(splits, origin, label_end)
    return tuple(
        audit_fold(split, origin, label_end, fold=fold, embargo=embargo)
        for fold, split in enumerate(splits)
    )


def _overlap(split: Split, origin: Bars, label_end: Bars) -> str:
    """The rows that two spans share, and by how many bars labels reach into the later span."""
    said = ""
    spans = {"training": split.train, "validation": split.validation, "test": split.test}
    for one, other in itertools.combinations(spans, 2):
        earlier, later = spans[one], spans[other]
        if not (earlier.any() and later.any()):
            continue
        if shared := int((earlier & later).sum()):
            said += f"; {shared:,} rows are both {one} and {other}"
        elif origin[earlier].max() < origin[later].min() <= label_end[earlier].max():
            bars = int(label_end[earlier].max() - origin[later].min()) + 1
            said += f"; {one} labels reach {bars} bar{'s' if bars > 1 else ''} into the {other}"
    return said
