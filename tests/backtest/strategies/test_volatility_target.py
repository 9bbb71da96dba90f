"""Volatility targeting: the target is met under the covariance that it assumes."""

from dataclasses import replace

import numpy as np
import pytest
from backtest.markets import make_forecast, random_walk

from forecasting.backtest.strategies.ranking import long_short
from forecasting.backtest.strategies.volatility_target import inverse_shares, volatility_target


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


def test_shares_leave_out_what_has_no_volatility() -> None:
    volatility = np.array([[0.1, 0.2, np.nan, 0.0, np.inf], [np.nan] * 5])
    np.testing.assert_allclose(inverse_shares(volatility), [[2 / 3, 1 / 3, 0, 0, 0], [0] * 5])
