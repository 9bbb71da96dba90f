"""Cell scores against scipy and simulation; date means against a loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting.evaluation.scores.date_means import date_means
from forecasting.evaluation.scores.proper import LEVELS, PINBALL_LEVELS, covered, score_cells
from forecasting.forecast.quantile_law import LEVELS as KNOTS
from forecasting.forecast.quantile_law import QuantileLaw
from forecasting.forecast.student_t import StudentT

COVERS = ["cover50", "cover80", "cover90", "cover95"]
PROPER = ["nll", "crps", "wis", "pinball"]


def test_scores_equal_scipy() -> None:
    rng = np.random.default_rng(0)
    y, loc = rng.normal(size=50), rng.normal(size=50)
    scale, df = rng.uniform(0.5, 2, 50), rng.uniform(3, 20, 50)
    law, scores = stats.t(df, loc, scale), score_cells(y, StudentT(loc, scale, df))
    np.testing.assert_allclose(scores["nll"], -law.logpdf(y), rtol=1e-12)
    np.testing.assert_allclose(scores["pit"], law.cdf(y), rtol=1e-9)
    for level in LEVELS:
        low, high = law.interval(level)
        name = f"{100 * level:.0f}"
        np.testing.assert_array_equal(scores[f"cover{name}"], (low <= y) & (y <= high))
        np.testing.assert_allclose(scores[f"width{name}"], high - low, rtol=1e-9)


def test_interval_and_pinball_scores_equal_their_definitions() -> None:
    rng = np.random.default_rng(4)
    y, law = rng.normal(size=30), stats.t(5, 0.2, 1.3)
    scores = score_cells(y, StudentT(*(np.full(30, value) for value in (0.2, 1.3, 5.0))))
    for k, outcome in enumerate(y):
        total = abs(outcome - law.median()) / 2
        for level in LEVELS:
            (low, high), alpha = law.interval(level), 1 - level
            outside = max(low - outcome, 0) + max(outcome - high, 0)
            total += alpha / 2 * (high - low + 2 / alpha * outside)
        assert scores["wis"][k] == pytest.approx(total / (len(LEVELS) + 0.5))
        losses = [
            (outcome - q) * (level - (outcome < q))
            for level, q in zip(PINBALL_LEVELS, law.ppf(PINBALL_LEVELS), strict=True)
        ]
        assert scores["pinball"][k] == pytest.approx(np.mean(losses))


@pytest.mark.oracle
def test_scores_equal_scoringrules() -> None:
    rules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(5)
    y, loc = rng.normal(size=50), rng.normal(size=50)
    scale, df = rng.uniform(0.5, 2, 50), rng.uniform(3, 20, 50)
    scores, law = score_cells(y, StudentT(loc, scale, df)), stats.t(df, loc, scale)
    # Its own weighted score adds the median where the distance from it belongs (0.10).
    wis = np.abs(y - law.median()) / 2
    for level in LEVELS:
        wis += (1 - level) / 2 * rules.interval_score(y, *law.interval(level), 1 - level)
    np.testing.assert_allclose(scores["wis"], wis / (len(LEVELS) + 0.5), rtol=1e-9)
    losses = [rules.quantile_score(y, law.ppf(level), level) for level in PINBALL_LEVELS]
    np.testing.assert_allclose(scores["pinball"], np.mean(losses, axis=0), rtol=1e-9)
    np.testing.assert_allclose(scores["crps"], rules.crps_t(y, df, loc, scale), rtol=1e-9)
    np.testing.assert_allclose(scores["nll"], rules.logs_t(y, df, loc, scale), rtol=1e-9)


def test_true_law_is_calibrated() -> None:
    rng, n = np.random.default_rng(1), 40_000
    scores = score_cells(
        0.1 + 2 * rng.standard_t(5, n),
        StudentT(np.full(n, 0.1), np.full(n, 2.0), np.full(n, 5.0)),
    )
    means = scores.mean()
    np.testing.assert_allclose(means[COVERS], LEVELS, atol=0.01)
    assert stats.kstest(scores["pit"], "uniform").pvalue > 0.01


@pytest.mark.parametrize("score", ["nll", "crps", "wis", "pinball"])
def test_scores_are_proper(score: str) -> None:
    rng, n = np.random.default_rng(2), 40_000
    y, zero, df = rng.standard_t(5, n), np.zeros(n), np.full(n, 5.0)
    honest = score_cells(y, StudentT(zero, np.ones(n), df))[score].mean()
    for scale, loc, freedom in [(0.8, 0.0, 5.0), (1.2, 0.0, 5.0), (1.0, 0.3, 5.0), (1, 0, 2.2)]:
        other = score_cells(y, StudentT(zero + loc, zero + scale, zero + freedom))[score].mean()
        assert other > honest


def test_a_skewed_law_is_calibrated_and_beats_those_beside_it() -> None:
    rng, n = np.random.default_rng(3), 40_000
    values = np.sinh(stats.t(5).ppf(KNOTS) / 3 + 0.2)

    def law(shift: float = 0.0, stretch: float = 1.0) -> QuantileLaw:
        return QuantileLaw(np.tile(shift + stretch * values, (n, 1)), np.full(n, 5.0))

    y = law().quantile(rng.random(n))
    scores = score_cells(y, law())
    np.testing.assert_allclose(scores[COVERS].mean(), LEVELS, atol=0.01)
    assert stats.kstest(scores["pit"], "uniform").pvalue > 0.01
    low, high = (law().quantile(level)[0] for level in (0.1, 0.9))
    np.testing.assert_allclose(scores["width80"], high - low, rtol=1e-12)
    honest = scores.mean()
    for other in (law(shift=0.15), law(stretch=0.8), law(stretch=1.2)):
        assert (score_cells(y, other).mean()[PROPER] > honest[PROPER]).all()


@pytest.mark.parametrize("position", range(4))
def test_a_missing_input_gives_no_score(position: int) -> None:
    inputs = [np.array([0.1, 0.1]), np.zeros(2), np.ones(2), np.full(2, 5.0)]
    inputs[position][1] = np.nan
    scores = score_cells(inputs[0], StudentT(*inputs[1:]))
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
    law = StudentT(np.zeros(1), np.array([0.02]), np.array([4.0]))
    assert law.interval_width(low) < law.interval_width(low + step)


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
