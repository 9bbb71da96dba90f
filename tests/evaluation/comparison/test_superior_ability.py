"""Superior predictive ability: against a calculation by hand, and its level with many rivals."""

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap

from forecasting.evaluation.comparison.blocks import REPETITIONS, block_length, draw_error
from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.comparison.superior_ability import superior_ability
from forecasting.forecast.significance import standard_error


def gains_of_equals(seed: int, n: int, k: int, h: int) -> np.ndarray:
    """Gains over k rivals of the model's own expected loss; their losses differ in noise."""
    shocks = np.random.default_rng(seed).standard_t(5, (n + h - 1, k + 1))
    shocks *= np.linspace(0.3, 2, k + 1)
    losses = np.apply_along_axis(np.convolve, 0, shocks, np.ones(h), "valid")
    return losses[:, 1:] - losses[:, :1]


def by_hand(gains: np.ndarray, h: int) -> float:
    """Hansen's formulae, draw by draw."""
    n, leads = len(gains), -gains
    length = block_length(leads, h)
    t = np.array([lead.mean() / standard_error(lead, h) for lead in leads.T])
    noise = np.array([draw_error(lead, length) for lead in leads.T])
    counted = np.where(t >= -np.sqrt(2 * np.log(np.log(n))), t, 0.0)
    larger = 0
    for (dates,), _ in StationaryBootstrap(length, np.arange(n), seed=0).bootstrap(REPETITIONS):
        drawn = t + (leads[dates].mean(axis=0) - leads.mean(axis=0)) / noise
        larger += (drawn - counted).max() > t.max()
    return larger / REPETITIONS


@pytest.mark.parametrize(("seed", "h", "shift"), [(0, 1, 0.0), (1, 5, 0.1), (2, 1, -0.2)])
def test_p_value_equals_a_calculation_by_hand(seed: int, h: int, shift: float) -> None:
    gains = gains_of_equals(seed, 200, 4, h)
    gains[:, 0] -= shift
    gains[:, 3] += 3.0  # so bad that it does not count
    assert superior_ability(gains, h) == pytest.approx(by_hand(gains, h), abs=1.5 / REPETITIONS)


def test_a_better_rival_is_found_among_bad_ones() -> None:
    gains = gains_of_equals(0, 400, 6, 1)
    assert superior_ability(gains, 1) > 0.05
    gains[:, 2] -= 0.5
    assert superior_ability(gains, 1) < 0.01
    # One rival whose loss jumps about does not hide it.
    wild = np.column_stack([gains, 200 * np.random.default_rng(1).normal(size=400)])
    assert superior_ability(wild, 1) < 0.01


@pytest.mark.parametrize(("n", "h"), [(300, 1), (400, 21)])
def test_equal_rivals_rarely_beat_the_model_however_many_they_are(
    n: int, h: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecasting.evaluation.comparison.superior_ability.REPETITIONS", 199)
    draws = 60
    found = [superior_ability(gains_of_equals(seed, n, 8, h), h) < 0.05 for seed in range(draws)]
    pairs = [
        any(
            diebold_mariano(gain, h).verdict == "LOSES" for gain in gains_of_equals(seed, n, 8, h).T
        )
        for seed in range(draws)
    ]
    # Three standard errors above 5 %; at h = 21 the level is 10 %, that of many pairs 20 %.
    assert np.mean(found) <= (0.14 if h == 1 else 0.2)
    assert np.mean(found) <= np.mean(pairs)


def test_what_cannot_be_tested() -> None:
    rng = np.random.default_rng(0)
    assert np.isnan(superior_ability(rng.normal(size=(19, 2)), 1))
    assert np.isnan(superior_ability(rng.normal(size=(104, 2)), 21))
    assert np.isnan(superior_ability(np.empty((100, 0)), 1))
    assert superior_ability(np.zeros((100, 2)), 1) == 1.0
    with_equal = np.column_stack([np.zeros(100), rng.normal(0.3, 1, 100)])
    assert superior_ability(with_equal, 1) == superior_ability(with_equal[:, 1:], 1)


def test_the_seed_decides() -> None:
    gains = gains_of_equals(4, 100, 3, 1)
    assert superior_ability(gains, 1) == superior_ability(gains, 1)
    assert superior_ability(gains, 1, seed=1) == pytest.approx(superior_ability(gains, 1), abs=0.1)
