"""Cell scores against scipy and simulation; date means against a loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting.evaluation.scores import LEVELS, covered, date_means, interval_width, score_cells


def test_scores_equal_scipy() -> None:
    rng = np.random.default_rng(0)
    y, loc = rng.normal(size=50), rng.normal(size=50)
    scale, df = rng.uniform(0.5, 2, 50), rng.uniform(3, 20, 50)
    law, scores = stats.t(df, loc, scale), score_cells(y, loc, scale, df)
    np.testing.assert_allclose(scores["nll"], -law.logpdf(y), rtol=1e-12)
    np.testing.assert_allclose(scores["pit"], law.cdf(y), rtol=1e-9)
    for level in LEVELS:
        low, high = law.interval(level)
        name = f"{100 * level:.0f}"
        np.testing.assert_array_equal(scores[f"cover{name}"], (low <= y) & (y <= high))
        np.testing.assert_allclose(scores[f"width{name}"], high - low, rtol=1e-9)


def test_true_law_is_calibrated() -> None:
    rng, n = np.random.default_rng(1), 40_000
    scores = score_cells(
        0.1 + 2 * rng.standard_t(5, n), np.full(n, 0.1), np.full(n, 2.0), np.full(n, 5.0)
    )
    means = scores.mean()
    np.testing.assert_allclose(means[["cover50", "cover80", "cover95"]], LEVELS, atol=0.01)
    assert stats.kstest(scores["pit"], "uniform").pvalue > 0.01


@pytest.mark.parametrize("score", ["nll", "crps"])
def test_scores_are_proper(score: str) -> None:
    rng, n = np.random.default_rng(2), 40_000
    y, zero, df = rng.standard_t(5, n), np.zeros(n), np.full(n, 5.0)
    honest = score_cells(y, zero, np.ones(n), df)[score].mean()
    for scale, loc, freedom in [(0.8, 0.0, 5.0), (1.2, 0.0, 5.0), (1.0, 0.3, 5.0), (1, 0, 2.2)]:
        other = score_cells(y, zero + loc, zero + scale, zero + freedom)[score].mean()
        assert other > honest


@pytest.mark.parametrize("position", range(4))
def test_a_missing_input_gives_no_score(position: int) -> None:
    inputs = [np.array([0.1, 0.1]), np.zeros(2), np.ones(2), np.full(2, 5.0)]
    inputs[position][1] = np.nan
    scores = score_cells(*inputs)
    assert scores.iloc[0].notna().all()
    assert scores.iloc[1].isna().all()


@given(level=st.floats(0.01, 0.99), pit=st.floats(0, 1))
def test_coverage_is_symmetric(level: float, pit: float) -> None:
    # Reflecting a probability that is tiny rounds it away; that is no asymmetry.
    pit = round(pit, 6)
    assert covered(np.array([pit]), level) == covered(np.array([1 - pit]), level)
    assert np.isnan(covered(np.array([np.nan]), level)).all()


@given(low=st.floats(0.01, 0.9), step=st.floats(0.01, 0.09))
def test_wider_intervals_hold_more(low: float, step: float) -> None:
    scale, df = np.array([0.02]), np.array([4.0])
    assert interval_width(scale, df, low) < interval_width(scale, df, low + step)


@given(seed=st.integers(0, 1_000))
def test_date_means_equal_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    date = np.sort(rng.integers(0, 8, 30))
    values = np.where(rng.random(30) < 0.2, np.nan, rng.normal(size=30))
    slow = [
        np.mean([v for v, d in zip(values, date, strict=True) if d == day and np.isfinite(v)])
        for day in range(8)
        if np.isfinite(values[date == day]).any()
    ]
    np.testing.assert_allclose(date_means(values, date), slow, rtol=1e-12)
