"""Leak test 3: how much history an answer needs, and whether it ever stops needing more."""

from collections.abc import Sequence

import numpy as np

from forecasting.evaluation.audit.difference import typical_size
from forecasting.evaluation.audit.finding import Finding
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.audit.suspects import Suspects
from forecasting.market.panel import Panel

WARM_UP_SENSITIVITY = "warm-up sensitivity"
TOLERANCE = 0.01
"""Change of an answer that counts as none, in units of its size."""
LIMIT = 0.1
"""Change of an answer that the longest of the shorter histories may make."""


def warm_up(
    stages: Sequence[Stage],
    panel: Panel,
    lengths: Sequence[int],
    *,
    limit: float = LIMIT,
) -> tuple[Finding, ...]:
    """Answer for the last bar from histories of several lengths.

    Args:
        stages: In the order of the pipeline.
        panel: The longest history.
        lengths: Bars of the shorter ones, ascending.
        limit: Largest change that the longest of `lengths` may make. A long memory is no leak, an
            answer that never forgets where the history begins is one.

    Returns:
        One finding a stage, which says how many bars are enough for changes below `TOLERANCE`.
    """
    suspects = Suspects(WARM_UP_SENSITIVITY, stages, panel)
    changes = np.full((len(lengths), len(stages)), np.inf)
    for i in reversed(range(len(lengths))):
        history = panel.at(slice(len(panel.times) - lengths[i], None))
        for k, stage, answer in suspects:
            changes[i, k] = _change(answer, stage.compute(history)[-1])
    for k, _, _ in suspects:
        if changes[-1, k] > limit:
            suspects.accuse(
                k,
                f"the last bar's answer from {lengths[-1]:,} bars differs by {changes[-1, k]:.1%} "
                f"from that of {len(panel.times):,}: it depends on where the history begins",
            )
            break
    stable = np.logical_and.accumulate((changes <= TOLERANCE)[::-1], axis=0)[::-1]

    def said(k: int) -> str:
        if not stable[-1, k]:
            return (
                f"a long memory: even {lengths[-1]:,} bars of history leave a change of "
                f"{changes[-1, k]:.1%} of the last bar's answer (limit {limit:.0%})"
            )
        enough = lengths[int(stable[:, k].argmax())]
        return (
            f"{enough:,} bars of history are enough: more change the last bar's answer by less "
            f"than {TOLERANCE:.0%}"
        )

    return suspects.findings(said)


def _change(whole: np.ndarray, last: np.ndarray) -> float:
    """The largest change of the last row, in units of its size or that of its component."""
    expected, found = whole[-1].astype(float), last.astype(float)
    if not np.array_equal(np.isfinite(expected), np.isfinite(found)):
        return float("inf")
    known = np.isfinite(expected)
    size = np.maximum(np.abs(expected), typical_size(whole.astype(float)))[known]
    gap = np.abs(expected[known] - found[known])
    change = np.divide(gap, size, out=np.where(gap > 0, np.inf, 0.0), where=size > 0)
    return float(change.max(initial=0.0))
