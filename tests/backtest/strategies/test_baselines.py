"""Baselines: hand-made prices, each ticker's own bars, and too little history."""

import numpy as np
import pytest
from backtest.markets import make_forecast, make_panel, random_walk

from forecasting.backtest.strategies.baselines import (
    equal_weight,
    inverse_volatility,
    momentum,
    reversal,
)
from forecasting.backtest.strategies.past_returns import past_return, past_volatility
from forecasting.errors import DataError
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel


def about(panel: Panel) -> Forecast:
    return make_forecast(panel, np.zeros(panel.mask.shape))


def test_equal_weight_counts_the_forecasts() -> None:
    loc = np.array([[0.0, np.nan, 0.0], [np.nan] * 3])
    forecast = make_forecast(random_walk(2, 3, seed=0), loc)
    assert equal_weight(forecast).tolist() == [[0.5, 0, 0.5], [0, 0, 0]]


def test_inverse_volatility_looks_at_past_returns_of_own_bars() -> None:
    panel = random_walk(60, 3, seed=1)
    closes = panel.column("adj_close").copy()
    closes[20, 1] = np.nan
    gap = make_panel(closes)
    weights = inverse_volatility(about(gap), prices=gap, lookback=10)
    for t in (40, 59):
        volatility = []
        for k in range(3):
            own = closes[: t + 1, k][np.isfinite(closes[: t + 1, k])]
            volatility.append(np.diff(np.log(own[-11:])).std(ddof=1))
        shares = 1 / np.array(volatility)
        np.testing.assert_allclose(weights[t], shares / shares.sum(), rtol=1e-12)
    assert not weights[:10].any()
    assert weights[20, 1] == 0


def test_prices_before_the_forecast_are_history() -> None:
    panel = random_walk(60, 5, seed=1)
    late = about(panel).between(start=panel.times[40])
    for weigh in (
        lambda f: momentum(f, prices=panel, top_k=1, lookback=30, skip=5),
        lambda f: inverse_volatility(f, prices=panel, lookback=30),
        lambda f: reversal(f, prices=panel, top_k=2),
    ):
        weights = weigh(late)
        assert np.array_equal(weights, weigh(about(panel))[40:])
        assert np.abs(weights).sum(axis=1) == pytest.approx(1)


def test_reversal_buys_the_losers_of_one_bar() -> None:
    closes = np.array([[100.0, 100, 100, 100], [90, 101, 102, 110]])
    panel = make_panel(closes)
    assert reversal(about(panel), prices=panel, top_k=1).tolist() == [[0] * 4, [0.5, 0, 0, -0.5]]


def test_momentum_leaves_out_the_last_bars() -> None:
    closes = np.ones((6, 4)) * 100
    closes[3:, 0], closes[3:, 1] = 120, 80
    closes[5] = [10, 1000, 100, 100]
    panel = make_panel(closes)
    weights = momentum(about(panel), prices=panel, top_k=1, lookback=4, skip=2)
    assert weights[5].tolist() == [0.5, -0.5, 0, 0]
    assert not weights[:5].any()


def test_few_tickers_are_judged_each_by_itself() -> None:
    closes = np.array([[100.0, 100, 100], [90, 101, 100]])
    panel = make_panel(closes)
    expected = [[0, 0, 0], [1 / 3, -1 / 3, 0]]
    assert reversal(about(panel), prices=panel, top_k=1).tolist() == expected
    trend = momentum(about(panel), prices=panel, top_k=1, lookback=1, skip=0)
    np.testing.assert_array_equal(trend, -np.array(expected))


def test_too_little_history_is_nothing() -> None:
    panel = random_walk(10, 4, seed=0)
    forecast = about(panel)
    assert np.isnan(past_return(forecast, panel, 10)).all()
    assert np.isnan(past_volatility(forecast, panel, 10)).all()
    assert not momentum(forecast, prices=panel, top_k=1).any()


def test_prices_of_other_tickers_are_refused() -> None:
    panel = random_walk(10, 4, seed=0)
    with pytest.raises(DataError, match="ticker 'D' is not in"):
        reversal(about(panel), prices=panel.select(["A", "B", "C"]), top_k=1)
