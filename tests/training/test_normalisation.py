import numpy as np
import pytest

from forecasting.training.normalisation import feature_moments


@pytest.mark.parametrize("n_rows", [1, 7, 1000, 65_536, 150_000])
def test_moments_in_blocks_are_those_of_the_whole_table_to_the_last_bit(n_rows):
    rng = np.random.default_rng(n_rows)
    features = (1e3 + rng.normal(size=(n_rows, 5))).astype(np.float32)
    features[:, 2] = np.float32(0.1)
    rows = rng.random(n_rows) < 0.7
    rows[0] = True
    whole = features[rows].astype(np.float64)
    mean, deviation = feature_moments(features, rows)
    expected = whole.std(axis=0)
    expected[2] = 0.0
    np.testing.assert_array_equal(mean, whole.mean(axis=0))
    np.testing.assert_array_equal(deviation, expected if n_rows > 1 else 0 * expected)
