"""The whole training: a folder, a twin and an MLflow run; or one line and nothing at all."""

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from training.folders import contents

from forecasting.config import load_recipe
from forecasting.errors import ConfigError, DataError, TrackingError
from forecasting.evaluation.baselines import EwmaT
from forecasting.forecaster.model_folder import FILES, WEIGHTS, ModelFiles
from forecasting.forecaster.network_forecaster import (
    NetworkForecaster,
    load_forecaster,
)
from forecasting.market.panel import Panel
from forecasting.training import train as train_module
from forecasting.training.examples import Examples, prepare
from forecasting.training.fit import WindowData, starting_network
from forecasting.training.mlflow_store import tracking_uri
from forecasting.training.tracking import open_run
from forecasting.training.train import train, twin_recipe

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def run(trained: Path) -> mlflow.entities.Run:
    return client(trained).get_run(load_forecaster(trained).files.metrics["mlflow_run_id"])


def client(trained: Path) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(f"sqlite:///{trained.parent / 'runs' / 'mlflow.db'}")


def assert_baseline(model: NetworkForecaster, examples: Examples, prices: Panel) -> None:
    """The forecasts of a model are those of EWMA-t fitted on the same training rows."""
    baseline = EwmaT.fit(examples.sequences, examples.split.train).forecast(prices)
    found = model.forecast(prices)
    assert found.mask.sum() > 1000
    np.testing.assert_array_equal(found.mask, baseline.mask)
    np.testing.assert_array_equal(found.law.loc[found.mask], 0)
    np.testing.assert_allclose(found.law.scale, baseline.law.scale, rtol=1e-6)
    np.testing.assert_allclose(found.law.df, baseline.law.df, rtol=1e-6)


# What is left behind.


def test_the_folder_holds_a_model_and_its_twin_and_nothing_else(trained):
    assert set(contents(trained)) == {*FILES, *(f"twin/{name}" for name in FILES)}
    assert sorted(path.name for path in trained.parent.iterdir()) == ["model", "runs"]


def test_metrics_and_card_say_how_it_went(trained, recipe, market):
    model = load_forecaster(trained)
    metrics = model.files.metrics
    assert metrics["validation_nll"] < metrics["baseline_validation_nll"]
    assert metrics["best_step"] == 9
    assert metrics["seed"] == recipe.training.seed
    assert metrics["parameters"] == sum(p.numel() for p in model.network.parameters())
    assert model.files.recipe.data.features == "ohlcv"
    for told in ("mamba-attention-mamba", market.vintage, "SIM01", "Not investment advice"):
        assert told in model.files.card
    assert "improved on the starting point" in model.files.card


def test_the_run_holds_recipe_data_and_commit(run, trained, recipe, market):
    params = run.data.params
    assert not {"from_model", "from_folder", "from_run", "tune"} & params.keys()
    assert (run.info.status, run.info.run_name) == ("FINISHED", "jamba-tiny")
    assert params["recipe"] == "jamba-tiny"
    assert params["network.hidden_size"] == "16"
    assert params["training.learning_rate"] == "0.003"
    assert params["data.vintage"] == market.vintage
    assert params["data.source"] == market.source
    assert params["data.request"] == "memory"
    assert params["environment.threads"] == str(torch.get_num_threads())
    assert params["environment.torch"] == torch.__version__
    assert params["data.resolved_features"] == "ohlcv"
    assert params["data.resolved_test_start"] == load_forecaster(trained).corpus.test_start
    assert params["git_commit"] == load_forecaster(trained).files.metrics["git_commit"]
    keys = {f"training.{key}" for key in recipe.training.model_dump()}
    keys |= {f"network.{key}" for key in recipe.network.model_dump()}
    keys |= {f"data.{key}" for key in recipe.data.model_dump()}
    assert keys <= params.keys()


@pytest.mark.parametrize("prefix", ["", "twin_"])
def test_the_run_holds_the_metrics_of_each_epoch(run, trained, prefix):
    names = ["train_nll", "validation_nll", "learning_rate", "seconds"]
    names += [f"validation_nll_h{h}" for h in (1, 5, 21)]
    for name in names:
        history = client(trained).get_metric_history(run.info.run_id, prefix + name)
        assert [metric.step for metric in history] == [3, 6, 9], name
    part = load_forecaster(trained / "twin" if prefix else trained)
    for name in ("validation_nll", "baseline_validation_nll", "best_step", "parameters"):
        assert run.data.metrics[f"{prefix}best_{name}"] == part.files.metrics[name]


def test_the_run_holds_the_forecasts_from_validation_on(run, trained, market):
    model = load_forecaster(trained)
    table = pd.read_parquet(
        Path(run.info.artifact_uri.removeprefix("file://"), "forecasts.parquet")
    )
    own = model.forecast(market).between(model.corpus.validation_start).to_frame()
    pd.testing.assert_frame_equal(table, own)
    assert table["origin"].min() == pd.Timestamp(model.corpus.validation_start)


def test_the_run_holds_the_model_byte_for_byte(trained):
    (logged,) = (trained.parent / "runs" / "mlartifacts" / "models").rglob(WEIGHTS)
    assert contents(logged.parent) == {name: (trained / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("cross_asset", ["none", "attention"])
def test_the_twin_sees_the_same_windows(recipe, examples, cross_asset):
    network = recipe.network.model_copy(update={"cross_asset": cross_asset})
    recipe = recipe.model_copy(update={"network": network})
    own, other = (
        WindowData(examples.sequences, examples.split, each)
        for each in (recipe, twin_recipe(recipe))
    )
    for batch, same in zip(own.train_dataloader(), other.train_dataloader(), strict=True):
        for a, b in zip(batch[:3], same[:3], strict=True):
            assert torch.equal(a.nan_to_num(), b.nan_to_num())


def test_the_twin_was_trained_on_the_same_data(trained):
    model, twin = load_forecaster(trained), load_forecaster(trained / "twin")
    assert twin.corpus == model.corpus
    assert twin.files.recipe.data == model.files.recipe.data
    assert twin.files.recipe.network.mixer == "gru"
    # The same validation rows and the same starting law give the same score.
    start = "baseline_validation_nll"
    assert twin.files.metrics[start] == pytest.approx(model.files.metrics[start], abs=1e-9)


# Where it starts.


@pytest.mark.parametrize("name", ["jamba-tiny", "gru-twin"])
def test_an_untrained_network_is_ewma_t(name, prices):
    """Through the trained line: prices, features, network, log returns."""
    recipe = load_recipe(name)
    examples = prepare(recipe, prices)
    network = starting_network(recipe, examples.sequences, examples.split)
    files = ModelFiles(recipe, examples.corpus, {}, "")
    assert_baseline(NetworkForecaster(files, network), examples, prices)


def test_a_model_that_never_improved_is_written_as_the_baseline(store, recipe, market, tmp_path):
    never = recipe.training.model_copy(update={"learning_rate": 1e4, "max_steps": 3})
    lost = recipe.model_copy(update={"training": never})
    train(market, lost, out=tmp_path / "model", twin=False, progress=False)
    model = load_forecaster(tmp_path / "model")
    assert model.files.metrics["best_step"] == 0
    assert "this model IS the EWMA-t baseline" in model.files.card
    assert_baseline(model, prepare(lost, market), market)


# Refused: nothing is changed, nothing half-done is left.


@pytest.fixture
def never_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*arguments, **options):
        raise AssertionError("training began")

    monkeypatch.setattr(train_module, "fit_recipe", fit)


def test_a_folder_with_a_model_is_not_overwritten_unasked(never_fit, trained, recipe, market):
    before = contents(trained)
    for options in ({}, {"resume": True}):
        with pytest.raises(ConfigError, match=r"already holds a model \(model\.safetensors\)"):
            train(market, recipe, out=trained, **options)
    assert contents(trained) == before


@pytest.mark.parametrize("name", ["recipe.yaml", "card.md", "metrics.json", "twin"])
def test_files_that_training_did_not_write_are_not_overwritten_unasked(
    name, never_fit, recipe, market, tmp_path
):
    path = tmp_path / "mine" / name
    path.parent.mkdir()
    path.mkdir() if name == "twin" else path.write_text("mine")
    with pytest.raises(ConfigError, match=f"already holds a model .{name}"):
        train(market, recipe, out=tmp_path / "mine")
    assert path.exists()


def test_a_file_is_no_folder(never_fit, recipe, market, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ConfigError, match="is a file: expected a folder"):
        train(market, recipe, out=tmp_path / "out", overwrite=True)


def test_asked_to_it_overwrites_a_model_and_nothing_else(store, recipe, market, trained, tmp_path):
    out = tmp_path / "model"
    shutil.copytree(trained, out)
    (out / "notes.txt").write_text("mine")
    other = recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"seed": 1, "max_steps": 3})}
    )
    model = train(market, other, out=out, overwrite=True, twin=False, progress=False)
    assert set(contents(out)) == {*FILES, "notes.txt"}
    assert model.files.recipe.training.seed == 1


def test_overrides_change_recipes_that_are_read(never_fit, recipe, market):
    with pytest.raises(ValueError, match="overrides"):
        train(market, recipe, overrides=("training.max_steps=3",))


def mostly_still(market: Panel) -> Panel:
    """Prices that move on one bar in three."""
    rows = np.arange(len(market.times)) // 3 * 3
    return replace(market, values=market.values[rows].copy())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda market: market.between(None, market.times[10]), "expected at least"),
        (lambda market: market.between(None, market.times[90]), "longer"),
        (mostly_still, "exactly zero"),
    ],
)
def test_prices_that_do_not_suffice_leave_nothing(
    spoil, reason, never_fit, recipe, market, tmp_path
):
    with pytest.raises(DataError, match=reason) as caught:
        train(spoil(market), recipe, out=tmp_path / "runs" / "model")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_unreachable_store_leaves_nothing_and_destroys_nothing(
    overwrite, never_fit, recipe, market, trained, tmp_path, monkeypatch
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    out = tmp_path / "model"
    if overwrite:
        shutil.copytree(trained, out)
    before = contents(tmp_path)
    with pytest.raises(TrackingError, match=f"127.0.0.1:{port} did not answer"):
        train(market, recipe, out=out, overwrite=overwrite)
    assert contents(tmp_path) == before
    assert out.exists() == overwrite


def test_another_store_is_used_and_a_parent_in_it(
    store, empty_store, recipe, market, tmp_path, monkeypatch
):
    shutil.copy(empty_store, tmp_path / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    short = recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"max_steps": 3})}
    )
    options = {"out": tmp_path / "model", "twin": False, "progress": False}
    with open_run("all") as above:
        model = train(market, short, parent=above.run_id, **options)
    found = mlflow.MlflowClient(tracking_uri()).get_run(model.files.metrics["mlflow_run_id"])
    assert found.info.status == "FINISHED"
    assert found.data.tags["mlflow.parentRunId"] == above.run_id
    assert mlflow.MlflowClient(store).get_experiment_by_name("forecasting") is None


def test_windows_longer_than_any_history_are_refused(prices: Panel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"context_length = 100000: the longest history .* 534"):
        train(prices, out=tmp_path / "m", overrides=("training.context_length=100000",))
    assert not (tmp_path / "m").exists()
