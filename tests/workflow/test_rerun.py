"""An old run gives the same bits again, on its own prices; or it is said what is not the same."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import torch
from conftest import TINY, make_frames
from market.store.answers import pay_dividend, store
from safetensors.torch import load_file, save_file

from forecasting import paths
from forecasting.errors import ConfigError, DataError, TrackingError
from forecasting.forecaster.model_folder import WEIGHTS
from forecasting.forecaster.network_forecaster import load_forecaster
from forecasting.market.panel import Panel
from forecasting.market.sources import load_prices
from forecasting.training.mlflow_store import tracking_uri
from forecasting.training.past_runs import find_run
from forecasting.training.tracking import open_run
from forecasting.training.train import train
from forecasting.workflow.rerun import rerun

# MLflow's database layer warns about its own insides where a test asks it.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

THREADS = 2
"""Of the trainings; the tests themselves have one."""
FRAMES = make_frames()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a store, a model trained on it with two threads, and a run tuned from that.

    Afterwards the source pays a dividend, so that the store begins a new generation.
    """
    home = tmp_path_factory.mktemp("home")
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for ticker, frame in FRAMES.items():
            store(frame.iloc[:580], ticker)
        torch.set_num_threads(THREADS)
        options = {"twin": False, "progress": False}
        quick = (*TINY, "training.learning_rate=0.003", "data.features=ohlcv")
        train(load_prices("store"), "jamba-tiny", overrides=quick, out=home / "first", **options)
        part = load_prices("store", ["AAA", "CCC"], start="2010-03-01")
        options |= {"from_model": home / "first", "tune": "adapters"}
        train(part, overrides=("training.learning_rate=0.001",), out=home / "tuned", **options)
        torch.set_num_threads(before)
        for ticker, frame in FRAMES.items():
            store(pay_dividend(frame, 0.99, before=590), ticker)
    return home


@pytest.fixture
def trained(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That home, as the current one; not to be changed."""
    monkeypatch.setenv("FORECASTING_HOME", str(made))
    return made


@pytest.fixture
def changeable(trained: Path, tmp_path: Path) -> Iterator[Path]:
    """That home; its folders and runs are put back afterwards."""
    kept = ("first", "tuned", "data", "runs/mlartifacts")
    for name in kept:
        shutil.copytree(trained / name, tmp_path / "kept" / name)
    first = find_run(str(trained / "first")).run_id
    yield trained
    mlflow.MlflowClient(tracking_uri()).restore_run(first)
    for name in kept:
        shutil.rmtree(trained / name, ignore_errors=True)
        shutil.copytree(tmp_path / "kept" / name, trained / name)


def artifacts(run_id: str) -> Path:
    run = mlflow.MlflowClient(tracking_uri()).get_run(run_id)
    return Path(run.info.artifact_uri.removeprefix("file://"))


def test_the_same_bits_on_the_old_generation_with_as_many_threads(trained: Path) -> None:
    before = torch.get_num_threads()
    past = find_run(str(trained / "first"))
    found = rerun(past.run_id[:8], train=True)
    assert found.identical
    assert found.vintage == past.params["data.vintage"] != load_prices("store").vintage
    assert found.source == "store (from test)"
    logged = pd.read_parquet(artifacts(past.run_id) / "forecasts.parquet")
    assert found.forecasts.summary == f"identical: {len(logged):,} forecasts"
    assert load_forecaster(trained / "first").files.metrics["best_step"] > 0
    assert found.weights is not None
    assert found.weights.count > 1000
    assert found.trained_forecasts is not None
    assert found.trained_forecasts.count == len(logged)
    assert past.params["environment.threads"] == str(THREADS)
    assert torch.get_num_threads() == before
    assert not [note for note in found.notes if note.startswith(("threads", "torch"))]
    assert found.to_dict()["forecasts"]["differing"] == 0
    assert found.to_dict()["identical"] is True


def test_a_tuned_run_is_repeated_from_the_same_start(changeable: Path) -> None:
    found = rerun(str(changeable / "tuned"), train=True)
    assert found.identical
    assert load_forecaster(changeable / "tuned").files.metrics["best_step"] > 0
    run_id = find_run(str(changeable / "tuned")).run_id
    shutil.rmtree(changeable / "first")  # the store's copy suffices
    assert rerun(run_id, train=True).identical


def test_a_start_that_is_gone(changeable: Path) -> None:
    tuned, first = find_run(str(changeable / "tuned")), find_run(str(changeable / "first"))
    first_weights = changeable / "first" / WEIGHTS
    mlflow.MlflowClient(tracking_uri()).delete_run(first.run_id)
    assert rerun(tuned.run_id, train=True).identical  # its folder is still there
    weights = load_file(first_weights)
    save_file({name: value * 1.01 for name, value in weights.items()}, first_weights)
    with pytest.raises(ConfigError, match="Restore them, or leave --train out"):
        rerun(tuned.run_id, train=True)
    shutil.rmtree(changeable / "first")
    with pytest.raises(ConfigError, match="Restore them, or leave --train out"):
        rerun(tuned.run_id, train=True)
    assert rerun(tuned.run_id).identical


def test_other_forecasts_are_found(changeable: Path) -> None:
    past = find_run(str(changeable / "first"))
    path = artifacts(past.run_id) / "forecasts.parquet"
    logged = pd.read_parquet(path)
    logged.loc[7, "loc"] += 1e-12
    logged.to_parquet(path)

    found = rerun(past.run_id)
    assert not found.identical
    assert (found.forecasts.differing, found.weights) == (1, None)
    row = logged.loc[7]
    assert f"first {row['ticker']} of {row['origin']:%Y-%m-%d}" in found.forecasts.where


def test_a_store_that_was_fetched_anew(changeable: Path) -> None:
    shutil.rmtree(paths.store())
    with pytest.raises(DataError, match=r"prices of run .*: AAA \(1d\) is not in the store"):
        rerun(str(changeable / "first"))
    for ticker, frame in FRAMES.items():
        store(pay_dividend(frame, 0.97), ticker)
    with pytest.raises(DataError, match=r"expected vintage [0-9a-f]{12}, found [0-9a-f]{12}"):
        rerun(str(changeable / "first"))


def test_prices_in_memory_are_handed_in(
    model_folder: Path, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORECASTING_HOME", str(model_folder.parent))
    with pytest.raises(DataError, match=r"of run .*: prices in memory \(test prices\) cannot be"):
        rerun(str(model_folder))
    again = rerun(str(model_folder), prices=prices)
    assert again.forecasts.identical, again.forecasts.summary
    with pytest.raises(DataError, match="other prices by now"):
        rerun(str(model_folder), prices=prices.select(["AAA", "BBB"]))


def test_runs_without_forecasts(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_run("compare") as above, open_run("one", parent=above.run_id) as below:
        pass
    with pytest.raises(TrackingError, match=f"is a comparison, .* {below.run_id[:8]} "):
        rerun(above.run_id)
    with pytest.raises(TrackingError, match="made no forecasts: expected a training"):
        rerun(below.run_id)
    with pytest.raises(ValueError, match="broken"), open_run("broken") as broken:
        raise ValueError("broken")
    with pytest.raises(TrackingError, match="made no forecasts, it is failed"):
        rerun(broken.run_id)


def test_runs_of_an_earlier_version_and_damaged_ones(trained: Path) -> None:
    with open_run("old") as old:
        old.log_table(pd.DataFrame({"loc": [0.1]}), "forecasts")
    with pytest.raises(TrackingError, match="does not say where its prices are"):
        rerun(old.run_id)
    with open_run("damaged") as damaged:
        damaged.log_table(pd.DataFrame({"loc": [0.1]}), "forecasts")
        damaged.log_json({"source": "sample"}, "prices")
    with pytest.raises(TrackingError, match=r"prices\.json of run .* is damaged"):
        rerun(damaged.run_id)
