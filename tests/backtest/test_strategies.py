"""Weights: a slow twin for the ranking, the portfolio's volatility, and the clock."""

from dataclasses import replace

import numpy as np
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.backtest.strategies import (
    STRATEGIES,
    equal_weight,
    expected_over_volatility,
    long_only,
    long_short,
    volatility_target,
)
from forecasting.errors import ConfigError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel

PARAMETERS = {
    "long_short": {"top_k": 1},
    "long_only": {"top_k": 2},
    "volatility_target": {"bars_per_year": 252.0},
    "buy_and_hold": {},
    "equal_weight": {},
}
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


def portfolio_volatility(weights: np.ndarray, annual: np.ndarray, correlation: float) -> float:
    matrix = np.full((len(annual), len(annual)), correlation)
    np.fill_diagonal(matrix, 1)
    return float(np.sqrt(weights @ (np.outer(annual, annual) * matrix) @ weights))


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("horizon", [1, 5])
def test_volatility_target_is_met_under_its_covariance(correlation: float, horizon: int) -> None:
    scale = np.random.default_rng(0).uniform(0.008, 0.03, (4, 5))
    forecast = make_forecast(random_walk(4, 5, seed=0), np.zeros((4, 5)), scale)
    weights = volatility_target(
        forecast, bars_per_year=252.0, horizon=horizon, correlation=correlation
    )
    annual = scale * np.sqrt(5 / 3) * np.sqrt(252)
    for row in range(4):
        found = portfolio_volatility(weights[row], annual[row], correlation)
        assert found == pytest.approx(0.10, rel=1e-12)
    risk = weights * annual
    np.testing.assert_allclose(risk, risk[:, :1] * np.ones(5), rtol=1e-12)


def test_leverage_stops_at_its_cap() -> None:
    forecast = make_forecast(random_walk(2, 2, seed=0), np.zeros((2, 2)), 1e-4)
    weights = volatility_target(forecast, bars_per_year=252.0, max_leverage=1.25)
    np.testing.assert_allclose(weights, 0.625)


def test_infinite_variance_is_not_held() -> None:
    forecast = make_forecast(random_walk(2, 3, seed=0), np.full((2, 3), 0.01))
    df = forecast.law.df.copy()
    df[:, 1] = 1.5
    forecast = replace(forecast, law=replace(forecast.law, df=df))
    weights = volatility_target(forecast, bars_per_year=252.0)
    assert (weights[:, 1] == 0).all()
    assert (weights[:, [0, 2]] > 0).all()
    nobody = replace(forecast, law=replace(forecast.law, df=np.full_like(df, 1.5)))
    assert not volatility_target(nobody, bars_per_year=252.0).any()
    assert not long_short(nobody, top_k=1).any()


def test_equal_weight_counts_the_forecasts() -> None:
    loc = np.array([[0.0, np.nan, 0.0], [np.nan] * 3])
    forecast = make_forecast(random_walk(2, 3, seed=0), loc)
    assert equal_weight(forecast).tolist() == [[0.5, 0, 0.5], [0, 0, 0]]


@pytest.mark.parametrize("name", STRATEGIES)
def test_weights_are_zero_without_a_forecast_and_blind_to_the_future(
    name: str, prices: Panel
) -> None:
    forecast = noise_forecast(prices, seed=0)
    weigh = STRATEGIES[name].weights
    weights = weigh(forecast, **PARAMETERS[name])
    assert np.isfinite(weights).all()
    assert not weights[~forecast.mask].any()
    assert weights.any()
    for end in (100, 305, 598):
        past = forecast.between(end=forecast.times[end])
        assert np.array_equal(weigh(past, **PARAMETERS[name]), weights[: end + 1])


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("long_short", {"top_k": 3}, "top_k = 3: expected 1 to 2"),
        ("long_short", {"top_k": 0}, "top_k = 0: expected 1 to 2"),
        ("long_only", {"top_k": 5}, "top_k = 5: expected 1 to 4"),
        ("long_short", {"top_k": 1, "horizon": 3}, "horizon = 3: .* forecasts 1, 5 bars ahead"),
        ("volatility_target", {"bars_per_year": 252.0, "target_volatility": 0.0}, "above 0"),
        ("volatility_target", {"bars_per_year": 252.0, "correlation": 1.5}, "expected 0 to 1"),
        ("volatility_target", {"bars_per_year": 252.0, "max_leverage": -1.0}, "max_leverage"),
    ],
)
def test_refuses_parameters_out_of_range(
    name: str, parameters: dict[str, float], message: str
) -> None:
    forecast: Forecast = noise_forecast(random_walk(5, 4, seed=0), seed=0)
    with pytest.raises(ConfigError, match=message):
        STRATEGIES[name].weights(forecast, **parameters)
