"""Laws that every registered strategy keeps: causal, idle without forecasts, blind to order."""

import numpy as np
import pytest
from backtest.markets import make_panel, noise_forecast, random_walk

from forecasting.backtest.plan import Plan, make_plan
from forecasting.backtest.strategies.registry import BENCHMARKS, STRATEGIES
from forecasting.errors import ConfigError
from forecasting.evaluation.audit.future import KINDS, changed_futures
from forecasting.forecast.forecast import Forecast
from forecasting.market.panel import Panel

GROSS = {
    "long_short": 1,
    "long_only": 1,
    "horizon_ensemble": 1,
    "volatility_target": 1.5,
    "kelly": 1,
    "probability_threshold": 1,
    "mean_variance": 1,
    "minimum_cvar": 1,
    "buy_and_hold": 1,
    "equal_weight": 1,
    "inverse_volatility": 1,
    "reversal": 1,
    "momentum": 1,
}
SHORT_MEMORY = {
    "mean_variance": {"lookback": 40},
    "minimum_cvar": {"lookback": 40},
    "inverse_volatility": {"lookback": 20},
    "momentum": {"lookback": 40, "skip": 5},
}
N_BARS = 120


@pytest.fixture(scope="module")
def market() -> Panel:
    closes = random_walk(N_BARS, 6, seed=0).column("adj_close").copy()
    closes[30:33, 2] = closes[:50, 4] = closes[60, 0] = np.nan
    return make_panel(closes)


def forecast_of(panel: Panel) -> Forecast:
    """A forecast whose every row hangs on the closes of that row."""
    forecast = noise_forecast(panel, seed=1)
    opinion = np.sin(1e3 * np.log(panel.column("adj_close")))
    forecast.law.loc[...] += 0.002 * opinion[:, :, None] * np.array([1, 3])
    return forecast


def planned(name: str, panel: Panel, **parameters: object) -> Plan:
    every = {"rebalance_every": 1} if STRATEGIES[name].extra is None else {"rebalance_every": 10}
    own = {**every, **SHORT_MEMORY.get(name, {}), **parameters}
    return make_plan(forecast_of(panel), name, own, 252.0, prices=panel)


@pytest.mark.parametrize("name", STRATEGIES)
def test_weights_are_finite_bounded_and_zero_without_a_forecast(name: str, market: Panel) -> None:
    plan = planned(name, market)
    assert np.isfinite(plan.weights).all()
    assert plan.weights.any()
    assert not plan.weights[~market.mask].any()
    assert np.abs(plan.weights).sum(axis=1).max() <= GROSS[name] + 1e-3


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_sees_what_is_later(name: str, market: Panel) -> None:
    expected = planned(name, market)
    cuts = (70, 100)
    for after, kind, changed in changed_futures(market, cuts, seed=0):
        rows = slice(after + 1)
        found = planned(name, changed)
        assert np.array_equal(found.decides[rows], expected.decides[rows]), kind
        assert np.array_equal(found.weights[rows], expected.weights[rows]), kind
    assert len(KINDS) > 2


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_order_of_the_tickers_is_the_order_of_the_weights(name: str, market: Panel) -> None:
    order = np.array([3, 0, 5, 1, 4, 2])
    permuted = Panel(market.times, tuple(market.tickers[k] for k in order), market.values[:, order])
    forecast = forecast_of(market).select(permuted.tickers)
    own = {"rebalance_every": 10, **SHORT_MEMORY.get(name, {})}
    found = make_plan(forecast, name, own, 252.0, prices=permuted).weights
    expected = make_plan(forecast_of(market), name, own, 252.0, prices=market).weights
    np.testing.assert_allclose(found, expected[:, order], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("n_tickers", [1, 2, 3])
def test_few_tickers_are_enough(name: str, n_tickers: int) -> None:
    panel = random_walk(80, n_tickers, seed=2)
    if n_tickers < STRATEGIES[name].least_tickers:
        with pytest.raises(ConfigError, match="needs at least two tickers"):
            planned(name, panel)
        return
    assert np.isfinite(planned(name, panel).weights).all()
    if name in BENCHMARKS:
        assert planned(name, panel).weights[-1].any()


def test_each_strategy_says_in_one_line_what_it_does() -> None:
    assert set(GROSS) == set(STRATEGIES)
    assert set(BENCHMARKS) <= set(STRATEGIES)
    for strategy in STRATEGIES.values():
        assert 10 < len(strategy.description) < 90
        assert "\n" not in strategy.description
        assert strategy.function.__doc__


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("long_short", {"top_k": 3}, "top_k = 3: expected 1 to 2"),
        ("long_short", {"top_k": 0}, "top_k = 0: expected 1 to 2"),
        ("horizon_ensemble", {"top_k": 3}, "top_k = 3: expected 1 to 2"),
        ("reversal", {"top_k": 3}, "top_k = 3: expected 1 to 2"),
        ("long_only", {"top_k": 5}, "top_k = 5: expected 1 to 4"),
        ("long_short", {"horizon": 3}, "horizon = 3: .* forecasts 1, 5 bars ahead"),
        ("kelly", {"horizon": 3}, "horizon = 3: .* forecasts 1, 5 bars ahead"),
        ("volatility_target", {"target_volatility": 0.0}, "above 0"),
        ("volatility_target", {"correlation": 1.5}, "expected 0 to 1"),
        ("volatility_target", {"max_leverage": -1.0}, "max_leverage"),
        ("kelly", {"fraction": 1.5}, "fraction = 1.5: expected above 0, at most 1"),
        ("kelly", {"max_weight": 0}, "max_weight = 0: expected above 0"),
        ("kelly", {"short": 1}, "short = 1: expected true or false"),
        ("probability_threshold", {"enter": 0.4}, "enter = 0.4, exit = 0.5: expected 0.5 <= exit"),
        ("mean_variance", {"risk_aversion": 0}, "risk_aversion = 0: expected 0.001 to 1000"),
        ("minimum_cvar", {"confidence": 1}, "confidence = 1: expected 0.5 to 0.99"),
        ("minimum_cvar", {"lookback": 5}, "lookback = 5: expected 20"),
        ("momentum", {"lookback": 21}, "lookback = 21: expected at least 22"),
        ("momentum", {"skip": -1}, "skip = -1: expected at least 0"),
        ("inverse_volatility", {"lookback": 1}, "lookback = 1: expected at least 2"),
    ],
)
def test_refuses_parameters_out_of_range(
    name: str, parameters: dict[str, object], message: str
) -> None:
    panel = random_walk(5, 4, seed=0)
    with pytest.raises(ConfigError, match=message) as caught:
        make_plan(noise_forecast(panel, seed=0), name, parameters, 252.0, prices=panel)
    assert "\n" not in str(caught.value)
