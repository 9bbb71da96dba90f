"""Murphy's decomposition adds up; the reliability curve knows its errors."""

import numpy as np
import pytest
from evaluation.scores.panels import cells_of, common_shocks, law_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting.evaluation.scores.brier import murphy, probability_bins, reliability_curve
from forecasting.forecast.student_t import StudentT


@given(seed=st.integers(0, 1_000), n=st.integers(1, 200), bins=st.integers(1, 12))
def test_the_parts_add_up_to_the_score(seed: int, n: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    p, up = rng.random(n).round(1), (rng.random(n) < 0.6).astype(float)
    weight = rng.dirichlet(np.ones(n))
    parts = murphy(p, up, weight, bins)
    assert parts.score == pytest.approx(weight @ (p - up) ** 2)
    assert min(parts.reliability, parts.resolution) >= 0


def test_one_probability_a_bin_is_the_textbook_decomposition() -> None:
    rng = np.random.default_rng(0)
    p = rng.choice([0.2, 0.5, 0.8], 400)
    up = (rng.random(400) < p).astype(float)
    parts = murphy(p, up, np.full(400, 1 / 400))
    reliability = resolution = 0.0
    for level in (0.2, 0.5, 0.8):
        inside = p == level
        reliability += inside.mean() * (level - up[inside].mean()) ** 2
        resolution += inside.mean() * (up[inside].mean() - up.mean()) ** 2
    assert parts.reliability == pytest.approx(reliability)
    assert parts.resolution == pytest.approx(resolution)
    assert parts.uncertainty == pytest.approx(up.mean() * (1 - up.mean()))
    assert parts.within == pytest.approx(0, abs=1e-12)


@pytest.mark.oracle
def test_score_equals_scoringrules() -> None:
    rules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(1)
    p, up = rng.random(100), (rng.random(100) < 0.6).astype(float)
    score = murphy(p, up, np.full(100, 0.01)).score
    assert score == pytest.approx(rules.brier_score(up, p).mean())


def test_bins_hold_equal_counts_and_equal_probabilities_share_one() -> None:
    p = np.random.default_rng(2).random(1_000)
    assert (np.abs(np.bincount(probability_bins(p, 10)) - 100) <= 1).all()
    assert probability_bins(np.full(50, 0.5), 10).max() == 0
    few = np.repeat([0.4, 0.6], 50)
    np.testing.assert_array_equal(probability_bins(few, 10), np.repeat([0, 1], 50))


def test_reliability_curve_of_a_true_law_lies_on_the_diagonal() -> None:
    rng, shape = np.random.default_rng(3), (1_500, 10)
    loc = rng.normal(0, 0.5, shape)
    law = StudentT(loc.ravel(), np.ones(loc.size), np.full(loc.size, 200.0))
    curve = reliability_curve(
        cells_of(loc + common_shocks(rng, *shape, correlation=0), law=law), "law"
    )
    assert len(curve) == 10
    assert curve["count"].sum() == loc.size
    distance = (curve["frequency"] - curve["forecast"]) / curve["standard_error"]
    assert (distance.abs() < 3.5).all()
    binomial = np.sqrt(curve["frequency"] * (1 - curve["frequency"]) / curve["count"])
    np.testing.assert_allclose(curve["standard_error"] / binomial, 1, atol=0.3)


def test_one_probability_for_all_is_one_bin() -> None:
    returns = common_shocks(np.random.default_rng(4), 100, 3)
    curve = reliability_curve(cells_of(returns, law=law_of(returns.shape, loc=0.2)), "law")
    assert len(curve) == 1
    assert curve["forecast"][0] == pytest.approx(stats.t.cdf(0.2, 200))
    assert curve["frequency"][0] == pytest.approx((returns > 0).mean())
