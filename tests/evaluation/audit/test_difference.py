"""Equal bits, equal but for noise, and the first cell that is neither."""

import numpy as np
import pytest

from forecasting.evaluation.audit.difference import first_difference, moment


def test_equal_answers_have_no_difference():
    values = np.array([[1.0, np.nan], [np.inf, 0.0]])
    assert first_difference(values, values.copy(), 0) is None


@pytest.mark.parametrize("value", [np.nan, 1.0 + 1e-12, np.inf])
def test_without_tolerance_every_bit_counts(value):
    found = np.ones((3, 2))
    found[1, 1] = value
    difference = first_difference(np.ones((3, 2)), found, 0)
    assert difference is not None
    assert difference.cell == (1, 1)


def test_tolerance_is_relative_to_the_component():
    expected = np.tile([1e-6, 1.0], (4, 2, 1))
    noisy = expected * (1 + 1e-6)
    assert first_difference(expected, noisy, 1e-5) is None
    noisy[2, 0, 0] += 1e-9  # a thousandth of its own component, nothing beside the other
    difference = first_difference(expected, noisy, 1e-5)
    assert difference is not None
    assert difference.cell == (2, 0, 0)


def test_the_first_difference_in_time_is_named():
    found = np.zeros((5, 1))
    found[2:] = 1.0
    difference = first_difference(np.zeros((5, 1)), found, 1e-6)
    assert difference is not None
    assert difference.row == 2


def test_shapes_have_to_agree():
    with pytest.raises(ValueError, match="shapes"):
        first_difference(np.zeros(2), np.zeros(3), 0)


@pytest.mark.parametrize(
    ("time", "words"), [("2012-03-05", "2012-03-05"), ("2012-03-05T14:30", "2012-03-05 14:30")]
)
def test_a_moment_has_a_clock_if_it_needs_one(time, words):
    assert moment(np.datetime64(time, "ns")) == words
