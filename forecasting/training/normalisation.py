"""Mean and deviation of the features over the training rows, block after block."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Float32

_BLOCK = 65_536  # rows


def feature_moments(
    features: Float32[np.ndarray, "row feature"], rows: Bool[np.ndarray, " row"]
) -> tuple[Float[np.ndarray, " feature"], Float[np.ndarray, " feature"]]:
    """Mean and standard deviation of each feature over some rows, in double precision.

    Rows are added one after the other, so that the sums do not depend on the blocks, and are those
    that NumPy finds along the first axis of the whole table.

    Args:
        features: All rows; a block at a time is copied.
        rows: Which ones count.

    Returns:
        Both; the deviation of a feature that never varies is exactly zero.
    """

    def blocks() -> Iterator[np.ndarray]:
        for first in range(0, len(features), _BLOCK):
            part = slice(first, first + _BLOCK)
            yield features[part][rows[part]].astype(np.float64)

    def total(term: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        so_far = np.zeros(features.shape[1])
        for block in blocks():
            so_far = np.concatenate([so_far[None], term(block)]).sum(axis=0)
        return so_far

    count = int(rows.sum())
    mean = total(lambda block: block) / count
    deviation = np.sqrt(total(lambda block: (block - mean) ** 2) / count)
    low = np.min([block.min(axis=0) for block in blocks() if len(block)], axis=0)
    high = np.max([block.max(axis=0) for block in blocks() if len(block)], axis=0)
    # The deviation of a feature that never varies is zero but for rounding.
    deviation[low == high] = 0.0
    return mean, deviation
