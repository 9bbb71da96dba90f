"""Routing by regime: the test against a slow twin and against chance."""

import numpy as np
import pytest
from scipy.stats.contingency import association

from forecasting.forecaster.inside.experts import shift_test


def make_regimes(seed: int, n: int = 2000, lasting: int = 30) -> np.ndarray:
    """Three regimes that last so many dates on average, each date's as one of three columns."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.random(n) < 1 / lasting)
    return np.eye(3)[rng.integers(0, 3, n)[starts]]


def slowly(regime: np.ndarray, picks: np.ndarray) -> tuple[float, float]:
    """One table for each shift, and scipy's V of it."""
    v = []
    for shift in range(len(regime)):
        table = np.roll(regime, shift, axis=0).T @ picks
        v.append(association(np.rint(table).astype(int), method="cramer"))
    return v[0], float(np.mean(np.array(v) >= v[0] - 1e-9))


def test_all_shifts_at_once_equal_one_after_the_other():
    regime = make_regimes(0, 150, lasting=2)
    picks = np.random.default_rng(1).poisson(3, (150, 4)).astype(float)
    assert shift_test(regime, picks) == pytest.approx(slowly(regime, picks))


def test_an_expert_that_is_never_picked_changes_nothing():
    regime = make_regimes(0, 150, lasting=2)
    picks = np.random.default_rng(1).poisson(3, (150, 3)).astype(float)
    idle = np.column_stack([picks, np.zeros(150)])
    assert shift_test(regime, idle) == pytest.approx(shift_test(regime, picks))


def test_a_router_that_follows_the_regime_is_found():
    rng = np.random.default_rng(2)
    regime = make_regimes(3)
    picks = 8 * rng.dirichlet(np.ones(4), 2000) + 3 * regime @ np.eye(3, 4)
    v, p = shift_test(regime, picks)
    assert v > 0.15
    assert p < 0.01
    alike, certain = shift_test(regime, np.column_stack([regime, np.zeros(2000)]))
    assert alike == pytest.approx(1)
    assert certain < 0.01


def test_persistent_routing_by_chance_is_not_called_a_dependence():
    """A chi-square test over bars would reject nearly always here."""
    p = [shift_test(make_regimes(k), make_regimes(1000 + k) + 0.1)[1] for k in range(200)]
    assert np.mean(np.array(p) <= 0.05) < 0.09
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("n", "regimes"), [(29, 3), (100, 1)])
def test_what_cannot_be_tested_is_not(n, regimes):
    regime = np.eye(3)[np.arange(n) % regimes]
    assert np.isnan(shift_test(regime, np.ones((n, 4)))).all()
