"""From the network's forecasts to money: later bars change no earlier position and no equity.

Features, network, baselines, strategies and the engine have their own sweeps in their rooms; this
one runs through all of them, with a trained model.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from future import KINDS, change_future

from forecasting.backtest.backtest import backtest
from forecasting.backtest.book import Backtest
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import Panel

STRATEGIES = ("long_short", "long_only", "volatility_target")
BARS = (260, 419, 570)


@pytest.fixture(scope="module")
def model(model_folder) -> NetworkForecaster:
    """The trained model, its head widened so that no two tickers tie."""
    model = load_forecaster(model_folder)
    torch.manual_seed(0)
    with torch.no_grad():
        model.network.head.proj.weight.normal_(std=0.3)
    return model


@pytest.fixture(scope="module")
def forecast(model, prices) -> Forecast:
    return model.forecast(prices)


@pytest.fixture(scope="module")
def books(forecast, prices) -> dict[str, Backtest]:
    return {name: trade(forecast, prices, name) for name in STRATEGIES}


def trade(forecast: Forecast, prices: Panel, strategy: str) -> Backtest:
    # The bars a year are measured on all bars, so a panel that was cut off measures others.
    year = {"bars_per_year": 252.0} if strategy == "volatility_target" else {}
    return backtest(forecast, prices, strategy=strategy, parameters=year)


def spliced(past: Forecast, future: Forecast, after: int) -> Forecast:
    """The one forecast up to a bar, the other one from then on."""
    price, law = future.price.copy(), future.law.map(np.copy)
    price[: after + 1] = past.price[: after + 1]
    for name, parameter in law.parameters().items():
        parameter[: after + 1] = past.law.parameters()[name][: after + 1]
    return replace(future, price=price, law=law)


@pytest.mark.parametrize("after", BARS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_later_bars_leave_positions_and_equity_alone(
    model, forecast, books, prices, strategy, kind, after
):
    """Whole line: new forecasts of changed prices, so equal to the network's float noise."""
    changed = change_future(prices, after, kind)
    found, expected = trade(model.forecast(changed), changed, strategy), books[strategy]
    until = prices.times[after]
    for name in ("weights", "equity"):
        ours, theirs = getattr(found, name).loc[:until], getattr(expected, name).loc[:until]
        assert ours.index.equals(theirs.index)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)
    assert len(found.weights.loc[:until]) > 100
    assert np.abs(found.weights.loc[:until].to_numpy()).max() > 0.1


@pytest.mark.parametrize("after", BARS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_equal_forecasts_give_equal_bits(model, forecast, books, prices, strategy, kind, after):
    """From forecast to equity nothing is a sum over time: with equal forecasts, the same bits."""
    changed = change_future(prices, after, kind)
    made = spliced(forecast, model.forecast(changed), after)
    found, expected = trade(made, changed, strategy), books[strategy]
    until = prices.times[after]
    for name in ("weights", "equity"):
        ours, theirs = getattr(found, name).loc[:until], getattr(expected, name).loc[:until]
        np.testing.assert_array_equal(ours.to_numpy(), theirs.to_numpy())
    rows = expected.plan.weights.shape[0] - (len(prices.times) - 1 - after)
    np.testing.assert_array_equal(found.plan.weights[:rows], expected.plan.weights[:rows])
    np.testing.assert_array_equal(found.plan.decides[:rows], expected.plan.decides[:rows])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_later_bars_do_change_later_positions(model, books, prices, strategy):
    """The sweeps above would also pass if nothing depended on anything."""
    changed = change_future(prices, 400, "noise")
    found = trade(model.forecast(changed), changed, strategy)
    since = prices.times[420]
    for name in ("weights", "equity"):
        ours, theirs = getattr(found, name).loc[since:], getattr(books[strategy], name).loc[since:]
        assert not np.allclose(ours, theirs, rtol=1e-3)
