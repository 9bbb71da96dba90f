"""Ranking: a slow twin of it, ties, and bars with nothing to rank."""

import numpy as np
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.backtest.strategies.ranking import horizon_ensemble, long_only, long_short
from forecasting.backtest.strategies.scores import expected_over_volatility
from forecasting.errors import ConfigError

LOCATIONS = arrays(float, (6, 5), elements=st.sampled_from([-0.02, -0.01, 0.0, 0.01, np.nan]))


def slow_long_short(row: list[float], top_k: int) -> list[float]:
    ranked = sorted(
        (k for k in range(len(row)) if not np.isnan(row[k])), key=lambda k: (-row[k], k)
    )
    weights = [0.0] * len(row)
    if len(ranked) < 2 * top_k or row[ranked[0]] == row[ranked[-1]]:
        return weights
    for k in ranked[:top_k]:
        weights[k] += 0.5 / top_k
    for k in ranked[-top_k:]:
        weights[k] -= 0.5 / top_k
    return weights


@settings(deadline=None)
@given(loc=LOCATIONS, top_k=st.integers(1, 2))
def test_long_short_is_the_sort_of_each_row(loc: np.ndarray, top_k: int) -> None:
    forecast = make_forecast(random_walk(6, 5, seed=0), loc)
    score = expected_over_volatility(forecast, 5)
    expected = [slow_long_short(row, top_k) for row in score.tolist()]
    weights = long_short(forecast, top_k=top_k)
    assert weights.tolist() == expected
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-15)
    gross = np.abs(weights).sum(axis=1)
    np.testing.assert_allclose(gross[gross > 0], 1, rtol=1e-14)


def test_ranking_is_by_return_over_volatility() -> None:
    loc, scale = np.array([[0.02, 0.01, -0.01, -0.02]]), np.array([[0.04, 0.01, 0.01, 0.04]])
    forecast = make_forecast(random_walk(1, 4, seed=0), loc, scale)
    assert long_short(forecast, top_k=1).tolist() == [[0, 0.5, -0.5, 0]]
    assert long_only(forecast, top_k=1).tolist() == [[0, 1, 0, 0]]


def test_ties_are_broken_by_the_order_of_the_tickers() -> None:
    forecast = make_forecast(random_walk(1, 4, seed=0), np.array([[0.0, 0.01, 0.01, 0.01]]))
    assert long_short(forecast, top_k=1).tolist() == [[-0.5, 0.5, 0, 0]]
    assert long_only(forecast, top_k=2).tolist() == [[0, 0.5, 0.5, 0]]


def test_a_forecast_without_an_opinion_is_not_traded() -> None:
    forecast = make_forecast(random_walk(3, 4, seed=0), np.zeros((3, 4)))
    assert not long_short(forecast, top_k=1).any()
    assert not long_only(forecast, top_k=1).any()


def test_too_few_forecasts_for_the_ranks_are_not_traded() -> None:
    loc = np.array([[0.01, 0.02, 0.03, np.nan]])
    forecast = make_forecast(random_walk(1, 4, seed=0), loc)
    assert not long_short(forecast, top_k=2).any()
    assert long_only(forecast, top_k=3).tolist() == [[1 / 3, 1 / 3, 1 / 3, 0]]


def test_the_ensemble_ranks_by_the_mean_of_standardised_scores() -> None:
    forecast = noise_forecast(random_walk(30, 6, seed=0), seed=1)
    total = np.zeros((30, 6))
    for horizon in forecast.horizons:
        score = expected_over_volatility(forecast, horizon)
        for t, row in enumerate(score):
            total[t] += (row - row.mean()) / row.std()
    weights = horizon_ensemble(forecast, top_k=2)
    for row, scores in zip(weights, total, strict=True):
        assert row.tolist() == slow_long_short(scores.tolist(), 2)


def test_a_horizon_without_an_opinion_has_no_vote() -> None:
    forecast = noise_forecast(random_walk(20, 6, seed=0), seed=1)
    forecast.law.loc[:, :, 1] = 0.0
    expected = long_short(forecast, top_k=2, horizon=1)
    assert np.array_equal(horizon_ensemble(forecast, top_k=2), expected)


@pytest.mark.parametrize("strategy", [long_short, horizon_ensemble])
def test_two_sides_need_two_tickers(strategy) -> None:
    forecast = noise_forecast(random_walk(5, 1, seed=0), seed=0)
    with pytest.raises(ConfigError, match="needs at least two tickers, one was given"):
        strategy(forecast, top_k=1)
