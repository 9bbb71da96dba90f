"""Adaptive bands: a slow twin, the bounds that hold for any outcomes, and delays to the bar."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.evaluation.calibration.band_tracking import (
    REACH,
    BandTrack,
    thresholds,
    track_bands,
)
from forecasting.forecast.band_warp import BAND_LEVELS, NOMINAL, log_odds_of

RATE = 0.05


def slow_twin(
    score: np.ndarray, label_end: np.ndarray, group: list[int], rate: list[float]
) -> np.ndarray:
    """The rule of the docstring, one bar, horizon, group, band and ticker at a time."""
    n_bars, n_tickers, n_horizons = score.shape
    n_groups, n_levels = max(group) + 1, len(BAND_LEVELS)
    in_force = np.zeros((n_bars, n_horizons, n_groups, n_levels))
    for j in range(n_horizons):
        for g in range(n_groups):
            k = [0.0] * n_levels
            for t in range(n_bars):
                known = [
                    (s, ticker)
                    for s in range(t)
                    for ticker in range(n_tickers)
                    if label_end[s, ticker, j] == t
                    and group[ticker] == g
                    and not math.isnan(score[s, ticker, j])
                ]
                for i, level in enumerate(BAND_LEVELS):
                    if known:
                        missed = [score[s, a, j] > in_force[s, j, g, i] for s, a in known]
                        k[i] += rate[j] * (sum(missed) / len(missed) - (1 - level))
                outer = 0.0
                for i in range(n_levels):
                    scale = min(max(math.exp(k[i]), 1 / REACH), REACH)
                    least = (NOMINAL[i] - (NOMINAL[i - 1] if i else 0)) / REACH
                    outer = max(NOMINAL[i] * scale, outer + least)
                    in_force[t, j, g, i] = outer
    return in_force


def one_ticker(scores: np.ndarray, delay: int, rate: float = RATE) -> tuple[BandTrack, np.ndarray]:
    """The bands of one ticker, and which outcomes that became known missed which band."""
    n_bars = len(scores)
    label_end = np.arange(n_bars)[:, None, None] + delay
    track = track_bands(
        scores[:, None, None], label_end, np.zeros(1, dtype=np.int64), np.array([rate])
    )
    missed = scores[:, None] > track.threshold[:, 0, 0]
    return track, missed[: max(n_bars - delay, 0)]


@given(seed=st.integers(0, 1_000))
@settings(max_examples=15, deadline=None)
def test_equals_its_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (40, 5, 2)
    score = rng.exponential(2.0, shape)
    score[rng.random(shape) < 0.2] = np.nan
    score[rng.random(shape) < 0.05] = np.inf
    label_end = np.arange(40)[:, None, None] + rng.integers(1, 9, shape)
    group, rate = rng.integers(0, 3, 5), [0.4, 0.1]
    track = track_bands(score, label_end, group, np.array(rate), n_groups=3)
    twin = slow_twin(score, label_end, group.tolist(), rate)
    np.testing.assert_allclose(track.threshold[:, :, : twin.shape[2]], twin, rtol=1e-12)


ADVERSARIES = ("within", "far", "near", "turning", "just outside")


def adversarial(kind: str, n_bars: int, delay: int, rng: np.random.Generator) -> np.ndarray:
    """Scores within reach of every band, made to do harm."""
    farthest, nearest = (1 - 1e-9) * REACH * NOMINAL[0], (1 + 1e-9) * NOMINAL[-1] / REACH
    if kind == "far":
        return np.full(n_bars, farthest)
    if kind == "near":
        return np.full(n_bars, nearest)
    if kind == "turning":
        return np.where(np.arange(n_bars) // (5 * delay + 20) % 2, farthest, nearest)
    if kind == "within":
        return rng.uniform(nearest, farthest, n_bars)
    scores = np.full(n_bars, nearest)
    for t in range(n_bars):  # beyond a band, whichever, where that is possible
        track, _ = one_ticker(scores[: t + 1], delay)
        scores[t] = min(track.threshold[t, 0, 0, rng.integers(4)] * (1 + 1e-9), farthest)
    return scores


@given(
    kind=st.sampled_from(ADVERSARIES),
    delay=st.sampled_from([1, 5, 21]),
    n_bars=st.integers(60, 400),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_coverage_is_bounded_for_any_outcomes(
    kind: str, delay: int, n_bars: int, seed: int
) -> None:
    n_bars = min(n_bars, 80) if kind == "just outside" else n_bars
    scores = adversarial(kind, n_bars, delay, np.random.default_rng(seed))
    track, missed = one_ticker(scores, delay)
    n = len(missed)
    assert track.feedback[0, 0] == n
    for i, level in enumerate(BAND_LEVELS):
        too_many = missed[:, i].mean() - (1 - level)
        assert too_many == pytest.approx(track.log_scale[0, 0, i] / (RATE * n), abs=1e-12)
        assert too_many <= (math.log(REACH) / RATE + level * delay) / n + 1e-12
        if i == 0:
            assert too_many >= -(math.log(REACH) / RATE + (1 - level) * delay) / n - 1e-12


@pytest.mark.parametrize("stretch", [0.3, 3.0])
def test_a_law_that_is_wrong_for_ever_is_right_in_the_end(stretch: float) -> None:
    scores = stretch * log_odds_of(np.random.default_rng(1).uniform(0, 0.5, 5_000))
    _, missed = one_ticker(scores, delay=1)
    np.testing.assert_allclose(missed.mean(axis=0), 1 - np.array(BAND_LEVELS), atol=0.01)


@given(log_scale=st.lists(st.floats(-60, 60), min_size=4, max_size=4))
def test_bands_in_force_never_cross_and_stay_within_reach(log_scale: list[float]) -> None:
    in_force = thresholds(np.array([log_scale]))[0]
    gaps = np.diff(in_force, prepend=0.0)
    assert (gaps >= np.diff(NOMINAL, prepend=0.0) / REACH - 1e-12).all()
    assert (in_force <= REACH * NOMINAL + 1e-12).all()
    assert thresholds(np.zeros((1, 4))) == pytest.approx(NOMINAL[None])


def test_an_outcome_counts_from_the_close_at_which_it_is_known() -> None:
    score, label_end = np.full((60, 1, 1), np.nan), np.full((60, 1, 1), 60)
    score[3], label_end[3] = np.inf, 40  # made at bar 3, known at bar 40 after a halt
    track = track_bands(score, label_end, np.zeros(1, dtype=np.int64), np.array([RATE]))
    moved = (track.threshold != track.threshold[0]).any(axis=(1, 2, 3))
    assert np.flatnonzero(moved)[0] == 40
    assert moved[40:].all()
    np.testing.assert_allclose(track.log_scale[0, 0], RATE * np.array(BAND_LEVELS))


def test_many_tickers_of_a_date_are_one_feedback() -> None:
    score = np.full((3, 4, 1), 0.1)
    score[0, 0] = 100.0
    label_end = np.broadcast_to(np.arange(3)[:, None, None] + 1, score.shape)
    track = track_bands(score, label_end, np.zeros(4, dtype=np.int64), np.array([RATE]))
    first = np.log(track.threshold[1, 0, 0] / NOMINAL)
    np.testing.assert_allclose(first, RATE * (0.25 - (1 - np.array(BAND_LEVELS))))
    assert track.feedback.tolist() == [[2]]
