"""Blocks: long enough for the overlap, and their draw error is what draws really show."""

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap

from forecasting.evaluation.comparison.blocks import block_length, draw_error, varies


def overlapping(seed: int, n: int, h: int) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(size=n + h - 1)
    return np.convolve(shocks, np.ones(h), "valid")


@pytest.mark.parametrize(("n", "h", "length"), [(200, 1, 3), (300, 5, 12), (150, 21, 40)])
def test_draw_error_is_the_deviation_of_drawn_means(n: int, h: int, length: int) -> None:
    values = overlapping(3, n, h)
    drawn = StationaryBootstrap(length, values, seed=0).apply(np.mean, 4_000)
    # The error of a standard deviation from 4,000 draws is 1.1 %.
    assert draw_error(values, length) == pytest.approx(drawn.std(), rel=0.05)


def test_draw_error_equals_its_slow_twin() -> None:
    values, n, length = overlapping(1, 30, 3), 30, 4
    centred, stay = values - values.mean(), 1 - 1 / length
    total = float(centred @ centred) / n
    for i in range(1, n):
        weight = (1 - i / n) * stay**i + i / n * stay ** (n - i)
        total += 2 * weight * float(centred[i:] @ centred[:-i]) / n
    assert draw_error(values, length) == pytest.approx(np.sqrt(total / n), rel=1e-12)


def test_independent_dates_need_short_blocks_and_overlapping_ones_long() -> None:
    rng = np.random.default_rng(0)
    assert block_length(rng.normal(size=(500, 2)), 1) <= 5
    assert block_length(rng.normal(size=(500, 1)), 21) == 21
    assert block_length(overlapping(0, 1_000, 21)[:, None], 1) > 21
    assert block_length(overlapping(0, 60, 21)[:, None], 21) <= 21


def test_what_varies() -> None:
    assert not varies(np.zeros(5))
    assert not varies(np.full(5, 0.3) + 1e-16)
    assert varies(np.array([1.0, 1.0, 1.001]))
