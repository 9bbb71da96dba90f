"""Linear-t: planted weights are recovered, and nothing is found where nothing is."""

import numpy as np
import pytest

from forecasting.evaluation.baselines import LinearT
from forecasting.evaluation.baselines.linear import FLOOR, choose_ridge, fit_linear_t
from forecasting.forecast.fit import fit_student_t
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences


def test_planted_weights_are_recovered() -> None:
    rng, n = np.random.default_rng(0), 60_000
    x = rng.normal(size=(n, 3))
    design = np.column_stack([np.ones(n), x])
    loc, log_scale = np.array([0.05, 0.1, 0.0, -0.2]), np.array([-0.1, 0.0, 0.3, 0.1])
    z = design @ loc + (np.exp(design @ log_scale) + FLOOR) * rng.standard_t(6, n)
    fit = fit_linear_t(x, z)
    np.testing.assert_allclose(fit.loc, loc, atol=0.02)
    np.testing.assert_allclose(fit.log_scale, log_scale, atol=0.02)
    assert fit.df == pytest.approx(6, rel=0.1)


def test_without_features_it_is_the_student_t_fit() -> None:
    z = np.random.default_rng(1).standard_t(5, 4_000)
    symmetric = np.concatenate([z, -z])
    fit, expected = fit_linear_t(np.ones((8_000, 0)), symmetric), fit_student_t(symmetric)
    assert fit.loc[0] == pytest.approx(0, abs=1e-4)
    assert np.exp(fit.log_scale[0]) + FLOOR == pytest.approx(expected.scale, rel=1e-3)
    assert fit.df == pytest.approx(expected.df, rel=1e-2)


def test_finds_hardly_any_location_in_a_random_walk(random_walk: Panel) -> None:
    sequences = make_sequences(random_walk)
    rows = np.isfinite(sequences.targets).all(axis=1)
    laws = LinearT.fit(sequences, rows).laws(sequences)
    assert np.sqrt(np.mean((laws.loc / laws.scale)[:, 0] ** 2)) < 0.1


def test_a_feature_that_never_changes_is_harmless(random_walk: Panel) -> None:
    sequences = make_sequences(random_walk.select(["T0"]))
    flat = sequences.feature_names.index("log_gap")
    sequences.features[:, flat] = 1.5
    baseline = LinearT.fit(sequences, np.isfinite(sequences.targets).all(axis=1))
    assert baseline.spread[flat] == 1
    assert np.isfinite(baseline.laws(sequences).scale).all()


@pytest.mark.parametrize(("weight", "certain"), [(0.5, True), (0.0, False)])
def test_the_ridge_is_small_where_the_location_is_certain(weight: float, certain: bool) -> None:
    rng, n = np.random.default_rng(4), 1_000
    x = rng.normal(size=(n, 8))
    z = weight * x[:, 0] + rng.standard_t(6, n)
    later = np.arange(n) >= 800
    assert (choose_ridge(x, z, ~later, later) < 1) == certain


def test_a_ridge_shrinks_the_location_alone() -> None:
    rng, n = np.random.default_rng(5), 20_000
    x = rng.normal(size=(n, 2))
    z = 0.2 * x[:, 0] + np.exp(0.3 * x[:, 1]) * rng.standard_t(6, n)
    free, held = fit_linear_t(x, z), fit_linear_t(x, z, 10.0)
    assert free.loc[1] == pytest.approx(0.2, abs=0.02)
    assert abs(held.loc[1]) < 0.05
    assert held.log_scale[2] == pytest.approx(free.log_scale[2], abs=0.02)
