"""A model that answers with quantiles, through everything that a model goes through."""

from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import TINY
from future import KINDS, change_future

import forecasting as fc
from forecasting.config import QUANTILE_LEVELS, load_recipe
from forecasting.errors import ConfigError, ModelFileError
from forecasting.forecast.forecast import Forecast
from forecasting.forecast.quantile_law import QuantileLaw
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.training.mlflow_store import tracking_uri

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

QUANTILE = (*TINY, "network.distribution=quantile")
START = 560


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, prices: Panel) -> Path:
    """A tiny model and its twin, really trained for six steps."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        fc.train(prices, "jamba-tiny", out=home / "model", overrides=QUANTILE, progress=False)
    return home / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> NetworkForecaster:
    """The model with a head that says something of everything that it sees."""
    model = fc.load_model(folder)
    with torch.no_grad():
        torch.manual_seed(0)
        model.network.head.proj.weight.normal_(std=0.3)
        model.network.head.proj.bias.normal_(std=0.3)
    return model


@pytest.fixture(scope="module")
def forecast(model: NetworkForecaster, prices: Panel) -> Forecast:
    return model.forecast(prices)


def assert_equal(found: Forecast, expected: Forecast) -> None:
    """To the noise of float32 sums of another length."""
    assert isinstance(found.law, QuantileLaw)
    np.testing.assert_array_equal(found.mask, expected.mask)
    unit = expected.volatility[..., None]
    np.testing.assert_allclose(found.law.values / unit, expected.law.values / unit, atol=2e-5)
    np.testing.assert_array_equal(found.law.df, expected.law.df)


def test_the_forecast_is_a_quantile_law_at_every_complete_bar(
    forecast: Forecast, model_folder: Path, prices: Panel
) -> None:
    assert isinstance(forecast.law, QuantileLaw)
    student_t = fc.load_model(model_folder).forecast(prices)
    np.testing.assert_array_equal(forecast.mask, student_t.mask)
    quantiles = forecast.quantiles(QUANTILE_LEVELS)
    np.testing.assert_allclose(quantiles, forecast.law.values, rtol=1e-9, atol=1e-12)
    assert (forecast.volatility[forecast.mask] > 0).all()
    assert forecast.mean[forecast.mask].std() > 0
    # A skew, which no Student-t has.
    middle = forecast.law.values[forecast.mask][..., 4] - forecast.mean[forecast.mask]
    assert np.abs(middle).min() > 0


def test_it_equals_the_network_row_by_row(
    model: NetworkForecaster, forecast: Forecast, prices: Panel
) -> None:
    from forecasting.market.sequences import make_sequences

    table = make_sequences(prices)
    rows = table.rows(2)
    for row in (rows.start, rows.start + 77, rows.stop - 1):
        with torch.no_grad():
            law, _ = model.network(torch.from_numpy(table.features[None, rows.start : row + 1]))
        unit = table.volatility[row] * np.sqrt([1, 5, 21])
        found = forecast.law.values[table.origin[row], 2] / unit[:, None]
        np.testing.assert_allclose(found, law.values[0, -1], atol=2e-5)


def test_the_table_has_the_quantiles_of_the_law(forecast: Forecast) -> None:
    latest = forecast.latest()
    quantiles = [f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS]
    expected = ["ticker", "origin", "horizon", "price", "mean", "df", "volatility", "prob_up"]
    assert list(latest.columns) == [*expected, *quantiles]
    assert (np.diff(latest[quantiles], axis=1) > 0).all()
    assert latest["mean"].between(latest["q01"], latest["q99"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_nothing_before_it(
    model: NetworkForecaster, forecast: Forecast, prices: Panel, kind: str
) -> None:
    until = prices.times[333]
    changed = model.forecast(change_future(prices, 333, kind))
    assert_equal(changed.between(None, until), forecast.between(None, until))


def test_saved_and_loaded_it_says_the_same(folder: Path, prices: Panel) -> None:
    one, other = (fc.load_model(folder).forecast(prices) for _ in range(2))
    np.testing.assert_array_equal(one.law.values, other.law.values)


def test_bar_by_bar_it_is_the_whole_forecast_also_after_a_pause(
    model: NetworkForecaster, forecast: Forecast, prices: Panel, tmp_path: Path
) -> None:
    stream = fc.StreamingForecaster(model)
    history = prices.between(None, prices.times[START - 1])
    assert_equal(stream.start(history), forecast.between(None, prices.times[START - 1]))
    for time in prices.times[START:]:
        if time == prices.times[580]:
            stream.save(tmp_path / "stream")
            stream = fc.StreamingForecaster.load(model, tmp_path / "stream")
        assert_equal(stream.advance(prices.between(time, time)), forecast.between(time, time))


def test_the_stream_of_the_student_t_does_not_go_on_with_it(
    model: NetworkForecaster, model_folder: Path, prices: Panel, tmp_path: Path
) -> None:
    stream = fc.StreamingForecaster(fc.load_model(model_folder))
    stream.start(prices)
    stream.save(tmp_path / "stream")
    with pytest.raises(ModelFileError, match="digest"):
        fc.StreamingForecaster.load(model, tmp_path / "stream")


def test_the_untrained_network_is_scored_as_ewma_t(folder: Path, model_folder: Path) -> None:
    """Two laws, one score: training starts at the same validation NLL."""
    quantile, student_t = (fc.load_model(path).files.metrics for path in (folder, model_folder))
    start = "baseline_validation_nll"
    assert quantile[start] == pytest.approx(student_t[start], abs=1e-5)
    assert quantile["validation_nll"] != student_t["validation_nll"]


def test_the_twin_answers_with_the_same_law(folder: Path, prices: Panel) -> None:
    twin = fc.load_model(folder / "twin")
    assert twin.files.recipe.network.distribution == "quantile"
    assert isinstance(twin.forecast(prices).law, QuantileLaw)
    assert "quantiles with Student-t tails" in (folder / "card.md").read_text()


def test_it_is_judged_traded_and_reported(
    model: NetworkForecaster, forecast: Forecast, prices: Panel, tmp_path: Path
) -> None:
    made = fc.evaluate(model, prices, track=False)
    own = made.scores.query("forecaster == 'jamba-tiny'")
    assert np.isfinite(own[["nll", "crps", "cover95", "width95"]]).all(axis=None)
    assert set(made.verdicts["rival"]) >= {"EWMA-t", "GJR-GARCH-t", "gru-twin"}
    book = fc.backtest(model, prices, strategy="long_short", track=False)
    assert book.weights.to_numpy().any()
    page = fc.report(model, prices, tmp_path / "report.html", track=False).html()
    assert "jamba-tiny" in page
    assert forecast.plot(prices).axes


def test_it_is_served_by_mlflow(
    folder: Path, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORECASTING_HOME", str(folder.parent))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri())
    mlflow.set_tracking_uri(tracking_uri())
    model = fc.load_model(folder)
    served = mlflow.pyfunc.load_model(f"runs:/{model.files.metrics['mlflow_run_id']}/model")
    names = ("open", "high", "low", "close", "volume", "adj_close")
    table = pd.concat(
        pd.DataFrame({name: prices.column(name)[rows, k] for name in names}).assign(
            ticker=ticker, time=prices.times[rows]
        )
        for k, ticker in enumerate(prices.tickers)
        for rows in [prices.mask[:, k]]
    )
    pd.testing.assert_frame_equal(served.predict(table), model.forecast(prices).latest())


def test_recipes_without_the_setting_are_student_t() -> None:
    tree = load_recipe("jamba-tiny").network.model_dump()
    assert tree.pop("distribution") == "student_t"
    assert type(load_recipe("jamba-tiny").network)(**tree) == load_recipe("jamba-tiny").network
    with pytest.raises(ConfigError, match="distribution"):
        load_recipe("jamba-tiny", ("network.distribution=normal",))


def test_a_student_t_model_does_not_learn_on_as_quantiles(
    model_folder: Path, prices: Panel, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"network.distribution = quantile: .* has student_t"):
        fc.train(
            prices,
            from_model=model_folder,
            overrides=("network.distribution=quantile",),
            out=tmp_path / "tuned",
            progress=False,
        )


def test_it_learns_on_as_it_is(folder: Path, prices: Panel, tmp_path: Path) -> None:
    steps = ("training.max_steps=3",)
    tuned = fc.train(
        prices,
        from_model=folder,
        tune="adapters",
        overrides=steps,
        out=tmp_path / "tuned",
        twin=False,
        progress=False,
    )
    assert isinstance(tuned.forecast(prices).law, QuantileLaw)


def test_across_tickers_it_is_the_same_kind_of_forecast(prices: Panel, tmp_path: Path) -> None:
    across = (*QUANTILE, "network.cross_asset=attention", "name=across")
    model = fc.train(
        prices, "jamba-tiny", out=tmp_path / "across", overrides=across, twin=False, progress=False
    )
    expected = model.forecast(prices)
    stream = fc.StreamingForecaster(model)
    assert_equal(stream.start(prices), replace(expected, name=model.name))
