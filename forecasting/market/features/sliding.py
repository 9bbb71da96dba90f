"""Sums and maxima of windows that slide; nothing outside a window takes part in its value.

So a further bar of a stream has, to the last bit, the value that it would have in the whole
history.
"""

import numpy as np
from jaxtyping import Bool, Float, Int


def sliding_sum(
    values: Float[np.ndarray, "*ticker value"], length: int
) -> Float[np.ndarray, "*ticker window"]:
    """Sum of each `length` values in a row, in some 2 log2(length) additions a window.

    Sums of two, four, eight ... values are made of each other, and a window of those that add up
    to it.
    """
    n_windows = values.shape[-1] - length + 1
    total = np.zeros((*values.shape[:-1], n_windows))
    done, span = 0, 1
    while True:
        if length & span:
            total += values[..., done : done + n_windows]
            done += span
        if done == length:
            return total
        values = values[..., :-span] + values[..., span:]
        span *= 2


def sliding_count(
    known: Bool[np.ndarray, "*ticker value"], length: int
) -> Int[np.ndarray, "*ticker window"]:
    """How many of each `length` values in a row are true."""
    count = np.cumsum(known, axis=-1)
    count[..., length:] -= count[..., :-length].copy()
    return count[..., length - 1 :]


def sliding_max(
    values: Float[np.ndarray, "*ticker value"], length: int
) -> Float[np.ndarray, "*ticker window"]:
    """Largest of each `length` values in a row; NaN where one of them is.

    Maxima of two, four, eight ... values are made of each other, and a window of the two that
    cover it.
    """
    span = 1
    while 2 * span <= length:
        values = np.maximum(values[..., :-span], values[..., span:])
        span *= 2
    n_windows, rest = values.shape[-1] - (length - span), length - span
    return np.maximum(values[..., :n_windows], values[..., rest:])
