"""A trained network as a forecaster: the past alone, whatever is beside or after it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_frames
from future import KINDS, change_future

import forecasting as fc
from forecasting.errors import DataError
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.forecaster import Forecaster
from forecasting.forecaster.model_folder import write_folder
from forecasting.forecaster.network_forecaster import (
    NetworkForecaster,
    build_network,
    load_forecaster,
)
from forecasting.market.panel import Panel
from forecasting.market.sequences import make_sequences
from forecasting.market.simulation import simulate


@pytest.fixture(scope="module")
def model(model_folder) -> NetworkForecaster:
    """The tiny model with a head that says something of everything that it sees."""
    model = load_forecaster(model_folder)
    with torch.no_grad():
        torch.manual_seed(0)
        model.network.head.proj.weight.normal_(std=0.3)
        model.network.head.proj.bias.normal_(std=0.3)
    return model


@pytest.fixture(scope="module")
def forecast(model, prices) -> Forecast:
    return model.forecast(prices)


def assert_equal(found: Forecast, expected: Forecast, *, bits: bool = False) -> None:
    """To the last bit, or to the noise of float32 sums of another length."""
    for name in ("loc", "scale", "df"):
        a, b = getattr(found.law, name), getattr(expected.law, name)
        if bits:
            np.testing.assert_array_equal(a, b)
        else:
            unit = expected.law.scale if name == "loc" else b
            np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
            assert np.nanmax(np.abs(a - b) / unit) < 2e-5, name


def upto(forecast: Forecast, bar: int) -> Forecast:
    return forecast.between(None, forecast.times[bar])


def test_a_model_of_the_return_alone_has_no_other_scores(model, prices):
    assert model.task_scores(prices) == {}


def test_it_is_a_forecaster(model, forecast, prices):
    assert isinstance(model, Forecaster)
    assert (forecast.name, forecast.horizons) == ("jamba-tiny", (1, 5, 21))
    assert forecast.tickers == prices.tickers
    np.testing.assert_array_equal(forecast.times, prices.times)
    np.testing.assert_array_equal(forecast.price, prices.column("adj_close"))
    assert forecast.notes == ()


def test_every_complete_bar_is_forecast_and_no_other(forecast, prices, model):
    complete = make_sequences(prices).to_grid(np.ones(len(make_sequences(prices).origin)))
    np.testing.assert_array_equal(forecast.mask, np.isfinite(complete))
    assert (forecast.law.scale[forecast.mask] > 0).all()
    assert (forecast.law.df[forecast.mask] > 2).all()
    spread = forecast.law.loc[forecast.mask] / forecast.law.scale[forecast.mask]
    assert spread.std() > 0.01


def test_it_equals_the_network_row_by_row(model, forecast, prices):
    """The slow way: one bar at a time, its whole history before it."""
    table = make_sequences(prices, variant=model.corpus.features)
    rows = table.rows(2)
    for row in (rows.start, rows.start + 1, rows.start + 77, rows.stop - 1):
        with torch.no_grad():
            law, _ = model.network(torch.from_numpy(table.features[None, rows.start : row + 1]))
        loc, scale, df = (part[0, -1].numpy() for part in law)
        unit = table.volatility[row] * np.sqrt([1, 5, 21])
        at = (table.origin[row], 2)
        np.testing.assert_allclose(forecast.law.scale[at], scale * unit, rtol=2e-5)
        np.testing.assert_allclose(forecast.law.df[at], df, rtol=2e-5)
        np.testing.assert_allclose(
            forecast.law.loc[at] / forecast.law.scale[at], loc / scale, atol=2e-5
        )


def test_forecasting_twice_gives_the_same_bits(model, forecast, prices):
    torch.manual_seed(7)
    assert_equal(model.forecast(prices), forecast, bits=True)


def test_saved_and_loaded_it_gives_the_same_bits(model, forecast, prices, tmp_path):
    write_folder(tmp_path / "copy", model.files, model.network.state_dict())
    for again in (load_forecaster(tmp_path / "copy"), fc.load_model(str(tmp_path / "copy"))):
        assert_equal(again.forecast(prices), forecast, bits=True)


def test_loading_leaves_the_random_state_alone(model_folder):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    load_forecaster(model_folder)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("bar", [240, 333, 598])
@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_nothing_before_it(model, forecast, prices, kind, bar):
    changed = model.forecast(change_future(prices, bar, kind))
    assert_equal(upto(changed, bar), upto(forecast, bar))


def test_the_past_does_change_it(model, forecast, prices):
    """The sweep above would also pass if nothing changed anything."""
    changed = model.forecast(change_future(prices, 300, "noise"))
    difference = np.abs(changed.law.scale / forecast.law.scale - 1)
    assert np.nanmin(difference[320:].max(axis=(1, 2))) > 1e-3


@pytest.mark.parametrize("last", ["2010-12-31", "2011-06-30", "2012-01-17"])
def test_a_truncated_history_gives_the_row_of_the_full_one(model, forecast, prices, last):
    """What was said then is what is said of then now."""
    then = model.forecast(prices.between(None, last)).latest()
    now = forecast.between(None, last).latest()
    assert (then["origin"] == now["origin"]).all()
    assert (then["ticker"] == now["ticker"]).all()
    for name in ("scale", "df", "volatility", "q05", "q95"):
        np.testing.assert_allclose(then[name], now[name], rtol=2e-5)
    np.testing.assert_allclose(then["loc"] / now["scale"], now["loc"] / now["scale"], atol=2e-5)


def test_one_ticker_alone_is_forecast_by_its_own_bars(model, prices):
    """Other tickers reach a forecast through the market features only."""
    values = prices.values.copy()
    values[:, 1:] = np.nan
    alone = model.forecast(replace(prices, values=values).select(["AAA"]))
    twins = {name: make_frames()["AAA"] for name in ("ONE", "TWO")}
    both = model.forecast(Panel.from_frames(twins))
    np.testing.assert_allclose(both.law.scale[:, 0], both.law.scale[:, 1], rtol=2e-5)
    np.testing.assert_allclose(both.law.scale[:, :1], alone.law.scale, rtol=2e-5)


def test_strangers_and_a_small_market_are_noted(model, prices):
    assert model.forecast(prices.select(["AAA", "BBB"])).notes == ()
    (small,) = model.forecast(prices.select(["AAA"])).notes
    assert small == "Market features come from 1 ticker; jamba-tiny was trained on 4."
    (strange,) = model.forecast(replace(prices, tickers=("AAA", "BBB", "ZZZ", "DDD"))).notes
    assert strange == "1 of 4 tickers was not in training (ZZZ)."
    many = tuple(f"X{k}" for k in range(7))
    frames = dict.fromkeys(many, make_frames()["AAA"])
    (note,) = model.forecast(Panel.from_frames(frames)).notes
    assert note == "7 of 7 tickers were not in training (X0, X1, X2, X3, X4 ...)."


def test_a_market_of_strangers_is_forecast_without_training(model, forecast, prices):
    """Zero-shot: by the bars alone, whatever their names, and the notes say so."""
    names = ("WAA", "WBB", "WCC", "WDD")
    renamed = model.forecast(replace(prices, tickers=names))
    assert_equal(renamed, forecast, bits=True)
    assert renamed.notes == ("4 of 4 tickers were not in training (WAA, WBB, WCC, WDD).",)
    other = replace(simulate("volatility", 3, 400, seed=8), tickers=names[:3])
    answer = model.forecast(other)
    assert answer.tickers == names[:3]
    assert answer.mask[-1].all()
    assert (answer.law.scale[answer.mask] > 0).all()
    assert answer.notes == ("3 of 3 tickers were not in training (WAA, WBB, WCC).",)


def test_tickers_of_a_parent_are_no_strangers(model, prices):
    parent = model.corpus.as_parent("old", "0" * 64, "all")
    parent = parent.model_copy(update={"tickers": ("ZZZ",)})
    corpus = model.corpus.model_copy(update={"parents": (parent,)})
    tuned = NetworkForecaster(replace(model.files, corpus=corpus), model.network)
    assert tuned.forecast(replace(prices, tickers=("AAA", "BBB", "ZZZ", "DDD"))).notes == ()


def test_another_interval_is_refused(model, prices):
    with pytest.raises(DataError, match="has 1h bars: jamba-tiny was trained on 1d bars"):
        model.forecast(replace(prices, interval="1h"))


def test_missing_columns_are_refused(model, close_only):
    with pytest.raises(DataError, match="features 'ohlcv' need") as caught:
        model.forecast(close_only)
    assert "\n" not in str(caught.value)


def test_a_history_that_is_too_short_is_refused(model, prices):
    with pytest.raises(DataError, match="expected at least"):
        model.forecast(prices.between(None, prices.times[60]).select(["AAA", "BBB"]))


def test_prices_that_begin_later_still_forecast(model, forecast, prices):
    """A window of history is enough: what lies far back matters little, and never as NaN."""
    late = model.forecast(prices.between(prices.times[250]))
    assert late.mask[-1].all()
    np.testing.assert_allclose(late.law.scale[-1], forecast.law.scale[-1], rtol=0.5)


def test_the_network_is_built_for_its_features(model):
    network = build_network(model.files.recipe, model.corpus.feature_names)
    assert network.state_dict().keys() == model.network.state_dict().keys()
    assert not model.network.training
