"""Optimised portfolios: the maximum that they claim, against a search, and their history."""

import sys

import numpy as np
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk
from scipy.optimize import minimize
from sklearn.covariance import ledoit_wolf

from forecasting.backtest.strategies.optimised import mean_variance, minimum_cvar
from forecasting.errors import ConfigError

pytest.importorskip("skfolio")
LAST = np.arange(60) == 59


def test_mean_variance_maximises_its_utility() -> None:
    panel = random_walk(60, 4, seed=0)
    forecast = make_forecast(panel, np.full((60, 4), 1e-3) * [1, 2, -1, 0.5])
    [*_, weights] = mean_variance(
        forecast, prices=panel, decides=LAST, risk_aversion=40.0, lookback=50, max_weight=0.4
    )
    past = np.diff(np.log(panel.column("adj_close")[-51:]), axis=0)
    covariance, expected = ledoit_wolf(past)[0], forecast.mean[-1, :, 1] / 5

    def loss(w: np.ndarray) -> float:
        return float(20 * w @ covariance @ w - w @ expected) * 1e3

    limits = [{"type": "ineq", "fun": lambda w: 1 - w.sum()}]
    best = minimize(loss, np.full(4, 0.2), bounds=[(0, 0.4)] * 4, constraints=limits, tol=1e-10)
    assert loss(weights) == pytest.approx(best.fun, abs=2e-4)
    np.testing.assert_allclose(weights, best.x, atol=0.005)


def test_minimum_cvar_has_the_least_tail_loss() -> None:
    panel = random_walk(60, 4, seed=0)
    forecast = make_forecast(panel, np.zeros((60, 4)))
    [*_, weights] = minimum_cvar(forecast, prices=panel, decides=LAST, lookback=50, max_weight=0.6)
    past = np.diff(np.log(panel.column("adj_close")[-51:]), axis=0)
    moved = past - past.mean(axis=0)

    def tail_loss(w: np.ndarray) -> float:
        worst = np.sort(moved @ w)[:3]
        return float(-(worst[:2].sum() + 0.5 * worst[2]) / 2.5)

    assert weights.sum() == pytest.approx(1, abs=2e-4)
    rivals = np.random.default_rng(0).dirichlet(np.ones(4), 500)
    assert tail_loss(weights) <= min(tail_loss(w) for w in rivals if w.max() <= 0.6) + 1e-6


def test_only_decisions_with_enough_history_are_worked_out() -> None:
    panel = random_walk(60, 3, seed=0)
    decides = np.isin(np.arange(60), [10, 40, 50])
    weights = minimum_cvar(
        noise_forecast(panel, seed=0), prices=panel, decides=decides, lookback=30, max_weight=0.5
    )
    assert np.flatnonzero(weights.any(axis=1)).tolist() == [40, 50]


def test_caps_that_leave_no_choice_are_all_held() -> None:
    panel = random_walk(60, 3, seed=0)
    weights = minimum_cvar(noise_forecast(panel, 0), prices=panel, decides=LAST, lookback=30)
    assert weights[59].tolist() == [0.25] * 3


def test_without_skfolio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skfolio", None)
    panel = random_walk(60, 3, seed=0)
    with pytest.raises(ConfigError, match=r"pip install 'forecasting\[portfolio\]'"):
        mean_variance(noise_forecast(panel, seed=0), prices=panel, decides=LAST)
