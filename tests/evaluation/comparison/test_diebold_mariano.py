"""Diebold-Mariano: against a slow twin, its size under the null, and the power that it states."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting.evaluation.comparison.diebold_mariano import Comparison, diebold_mariano
from forecasting.forecast.significance import Verdict, bandwidth, least_dates, standard_error


def slow_standard_error(values: list[float], h: int) -> float:
    """The formulae of the docstrings, term by term."""
    n = len(values)
    lags = min(n - 1, max(3 * (h - 1), math.floor(1.3 * math.sqrt(n))))
    mean = sum(values) / n
    variance = 0.0
    for t in range(n):
        for s in range(n):
            if abs(t - s) <= lags:
                weight = 1 - abs(t - s) / (lags + 1)
                variance += weight * (values[t] - mean) * (values[s] - mean) / n
    harvey = math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    b = (lags + 1) / n
    critical = 1.96 + 2.9694 * b + 0.4160 * b**2 - 0.5324 * b**3
    return math.sqrt(variance / n) / harvey * critical / 1.96


def overlapping(rng: np.random.Generator, n: int, h: int) -> np.ndarray:
    """Sums of h neighbouring shocks: what h-bar labels at consecutive bars have in common."""
    return np.convolve(rng.standard_t(5, n + h - 1), np.ones(h), "valid")


@given(seed=st.integers(0, 1_000), n=st.integers(30, 80), h=st.integers(1, 8))
def test_standard_error_equals_its_slow_twin(seed: int, n: int, h: int) -> None:
    values = overlapping(np.random.default_rng(seed), n, h)
    assert standard_error(values, h) == pytest.approx(slow_standard_error(list(values), h))


def test_bandwidth_covers_the_overlap() -> None:
    assert bandwidth(1_000, 1) == 41
    assert bandwidth(1_000, 21) == 60
    assert bandwidth(50, 21) == 49
    assert all(bandwidth(n, h) >= h - 1 for h in (1, 5, 21) for n in (least_dates(h), 2_000))


@pytest.mark.parametrize(("n", "h"), [(300, 1), (300, 5), (600, 21)])
def test_size_under_the_null_is_about_five_percent(n: int, h: int) -> None:
    rng = np.random.default_rng(h)
    verdicts = [diebold_mariano(overlapping(rng, n, h), h).verdict for _ in range(600)]
    rejected = 1 - verdicts.count(Verdict.NO_EVIDENCE) / len(verdicts)
    # Two standard errors of 600 draws are 0.018; at h = 21 the test rejects up to 7 %.
    assert 0.03 < rejected < 0.09


def test_stated_power_holds() -> None:
    rng = np.random.default_rng(7)
    detectable = np.median([diebold_mariano(rng.normal(size=400), 1).detectable for _ in range(50)])
    found = [
        diebold_mariano(rng.normal(detectable, 1, 400), 1).verdict is Verdict.BEATS
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_statistic_and_p_value() -> None:
    gain = np.random.default_rng(0).normal(0.1, 1, 500)
    test = diebold_mariano(gain, 5)
    assert test.gain == pytest.approx(gain.mean())
    assert test.error == standard_error(gain, 5)
    assert test.t == pytest.approx(gain.mean() / standard_error(gain, 5))
    assert test.p == pytest.approx(2 * stats.t.sf(abs(test.t), 499))
    assert test.n_dates == 500


@given(seed=st.integers(0, 1_000), factor=st.floats(1e-6, 1e6))
def test_swapping_model_and_rival_flips_the_sign_and_units_change_nothing(
    seed: int, factor: float
) -> None:
    gain = np.random.default_rng(seed).normal(0.1, 1, 60)
    one, other = diebold_mariano(gain, 1), diebold_mariano(-factor * gain, 1)
    assert other.t == pytest.approx(-one.t)
    assert other.p == pytest.approx(one.p)
    assert other.detectable == pytest.approx(factor * one.detectable)
    opposite = {Verdict.BEATS: Verdict.LOSES, Verdict.LOSES: Verdict.BEATS}
    assert other.verdict is opposite.get(one.verdict, Verdict.NO_EVIDENCE)


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_forecasts_that_differ_by_a_constant_give_no_evidence(value: float) -> None:
    test = diebold_mariano(np.full(100, value), 1)
    assert (test.t, test.p, test.verdict) == (0.0, 1.0, Verdict.NO_EVIDENCE)


@pytest.mark.parametrize(("n", "h"), [(0, 1), (19, 1), (104, 21)])
def test_too_few_dates_are_no_test(n: int, h: int) -> None:
    test = diebold_mariano(np.ones(n) + np.arange(n), h)
    assert not test.tested
    assert np.isnan([test.error, test.t, test.p, test.detectable]).all()
    assert test.verdict is Verdict.NOT_ENOUGH_DATA


def test_verdicts() -> None:
    assert Comparison(0.1, 0.04, 2.5, 0.01, 0.1, 99).verdict == "BEATS"
    assert Comparison(-0.1, 0.04, -2.5, 0.01, 0.1, 99).verdict == "LOSES"
    assert Comparison(0.1, 0.04, 1.0, 0.3, 0.1, 99).verdict == "NO EVIDENCE"
