"""A model that looks across tickers: trained, forecasting a panel and bar by bar."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TINY
from future import KINDS, change_future, change_future_members
from market.universes import roster

from forecasting.config import Recipe, load_recipe
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.forecaster.stream import StreamingForecaster
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.training.train import train

START = 300


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("jamba-tiny", (*TINY, "network.cross_asset=attention"))


@pytest.fixture(scope="module")
def model(recipe, prices, tmp_path_factory) -> NetworkForecaster:
    """Really trained for six steps; then every ticker made to listen and to speak."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        train(prices, recipe, out=home / "model", twin=False, progress=False)
    model = load_forecaster(home / "model")
    torch.manual_seed(0)
    with torch.no_grad():
        model.network.head.proj.weight.normal_(std=0.3)
        model.network.backbone.cross_asset.o_proj.weight.normal_(std=0.3)
    return model


@pytest.fixture(scope="module")
def forecast(model, prices) -> Forecast:
    return model.forecast(prices)


def cut(panel: Panel, first: int, last: int | None = None) -> Panel:
    rows = slice(first, last)
    return replace(panel, times=panel.times[rows], values=panel.values[rows])


def assert_equal(found: Forecast, expected: Forecast, bars: slice) -> None:
    """To the noise of float32 sums of another length."""
    for name in ("loc", "scale", "df"):
        a, b = getattr(found.law, name), getattr(expected.law, name)[bars]
        unit = expected.law.scale[bars] if name == "loc" else b
        np.testing.assert_allclose(a / unit, b / unit, rtol=0, atol=2e-5, err_msg=name)


def test_it_equals_the_network_bar_by_bar(model, forecast, prices):
    """The slow way: at each bar the tickers that have it, their states beside them."""
    table = make_sequences(prices)
    states = [model.network.initial_state(1) for _ in prices.tickers]
    for t in range(int(table.origin.min()), 400):
        rows = np.flatnonzero(table.origin == t)
        tickers = table.ticker[rows]
        state = {key: torch.cat([states[k][key] for k in tickers]) for key in states[0]}
        law, state = model.network.advance(
            torch.from_numpy(table.features[rows, None]), state, torch.full((len(rows), 1), t)
        )
        for i, k in enumerate(tickers):
            states[k] = {key: value[i : i + 1] for key, value in state.items()}
        unit = table.volatility[rows, None] * np.sqrt(model.horizons)
        scale = law.scale[:, 0].numpy() * unit
        np.testing.assert_allclose(forecast.law.scale[t, tickers], scale, rtol=2e-5)


@pytest.mark.parametrize("bar", [240, 333, 598])
@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_nothing_before_it(model, forecast, prices, kind, bar):
    changed = model.forecast(change_future(prices, bar, kind))
    assert_equal(cut_forecast(changed, bar), forecast, slice(0, bar + 1))


def cut_forecast(forecast: Forecast, bar: int) -> Forecast:
    return forecast.between(None, forecast.times[bar])


def test_the_others_are_heard(model, prices):
    """Beyond the market features: with these held, another ticker still changes a forecast."""
    table = make_sequences(prices)
    own = table.rows(0)
    with torch.no_grad():
        alone, _ = model.network(torch.from_numpy(table.features[None, own]))
    found = model.forecast(prices).law.scale[table.origin[own], 0] / table.return_scale()[own]
    assert np.abs(found / alone.scale[0].numpy() - 1).max() > 1e-2


def test_a_halt_of_one_leaves_no_hole_in_the_others(forecast, prices):
    halted = slice(300, 310)
    assert np.isnan(forecast.law.scale[halted, 2]).all()
    assert np.isfinite(forecast.law.scale[halted, [[0], [1], [3]]]).all()


def holes(prices: Panel) -> Panel:
    values = prices.values.copy()
    values[100:][np.random.default_rng(0).random((len(values) - 100, 4)) < 0.2] = np.nan
    values[START + 20] = np.nan
    return replace(prices, values=values)


@pytest.mark.parametrize("change", [lambda prices: prices, holes])
def test_the_stream_is_the_whole_forecast(model, prices, change):
    panel = cut(change(prices), 0, START + 60)
    expected = model.forecast(panel)
    stream = StreamingForecaster(model)
    assert_equal(stream.start(cut(panel, 0, START)), expected, slice(0, START))
    at = START
    for piece in (1, 1, 1, 20, 1, 30, 6):
        found = stream.advance(cut(panel, at, at + piece))
        assert_equal(found, expected, slice(at, at + piece))
        at += piece


def test_training_from_the_same_seed_gives_the_same_weights(recipe, model, prices, tmp_path):
    train(prices, recipe, out=tmp_path / "again", twin=False, progress=False)
    found = load_forecaster(tmp_path / "again").network.state_dict()
    kept = load_forecaster(model.folder).network.state_dict()
    assert all(torch.equal(found[name], value) for name, value in kept.items())


@pytest.mark.parametrize("kind", ["shuffled", "nobody", "everybody"])
def test_who_is_no_member_is_not_looked_at(model, prices, kind):
    """Neither the market's means nor the attention know who will join."""
    marked = roster(prices).apply(prices)
    after = 420
    changed = change_future_members(marked, after, kind)
    found, expected = model.forecast(changed), model.forecast(marked)
    assert expected.mask[START:].sum() < model.forecast(prices).mask[START:].sum()
    np.testing.assert_array_equal(found.mask[: after + 1], expected.mask[: after + 1])
    past = slice(after + 1)
    assert_equal(found.between(None, prices.times[after]), expected, past)
    stream = StreamingForecaster(model)
    stream.start(marked.at(slice(START)))
    assert_equal(stream.advance(marked.at(slice(START, None))), expected, slice(START, None))
