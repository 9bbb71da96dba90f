"""A training that is killed and resumed is the training that was not: same bits, one MLflow run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
import torch
from training.folders import Killed, assert_same_weights, contents

from forecasting.errors import ConfigError, ModelFileError
from forecasting.forecaster.model_folder import RUN_FILE, WEIGHTS
from forecasting.market.simulation import simulate
from forecasting.training import train as train_module
from forecasting.training.tracking import Run
from forecasting.training.train import train

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def kill(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Raise in the middle of an epoch report, or while MLflow takes the model."""

    def log_metrics(self: Run, metrics: dict, step: int | None = None) -> None:
        if (step == 6 and f"{when}validation_nll" in metrics) or f"{when}best_seed" in metrics:
            raise Killed
        log_to_mlflow(self, metrics, step)

    def log_model(self: Run, folder: Path) -> None:
        raise Killed

    log_to_mlflow = Run.log_metrics
    if when == "log_model":
        monkeypatch.setattr(Run, "log_model", log_model)
    else:
        monkeypatch.setattr(Run, "log_metrics", log_metrics)


@pytest.mark.parametrize("when", ["", "twin_", "log_model"])
def test_resumed_it_ends_with_the_same_bits_and_one_run(
    when, store, recipe, market, trained, tmp_path, monkeypatch
):
    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        kill(patch, when)
        with pytest.raises(Killed):
            train(market, recipe, out=out, progress=False)
    run_id = (out / RUN_FILE).read_text()
    assert mlflow.MlflowClient(store).get_run(run_id).info.status == "FAILED"
    # Somebody committed in the meantime: what a run was started with stays what it is.
    later = {"version": "9", "git_commit": "0" * 40}
    monkeypatch.setattr(train_module, "provenance", lambda: later)
    model = train(market, recipe, out=out, resume=True, progress=False)
    assert_same_weights(out, trained)
    assert set(contents(out)) == set(contents(trained))
    assert model.files.metrics["mlflow_run_id"] == run_id
    found = mlflow.MlflowClient(store).get_run(run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["git_commit"] != later["git_commit"]
    for name in ("validation_nll", "twin_validation_nll"):
        history = mlflow.MlflowClient(store).get_metric_history(run_id, name)
        assert {metric.step for metric in history} == {3, 6, 9}


def test_an_interrupted_training_is_started_over_only_on_demand(
    store, recipe, market, trained, tmp_path, monkeypatch
):
    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        kill(patch, "")
        with pytest.raises(Killed):
            train(market, recipe, out=out, progress=False)
    interrupted, before = (out / RUN_FILE).read_text(), contents(out)
    with pytest.raises(ConfigError, match="--resume to continue it, or --overwrite to start over"):
        train(market, recipe, out=out, progress=False)
    assert contents(out) == before
    model = train(market, recipe, out=out, overwrite=True, progress=False)
    assert model.files.metrics["mlflow_run_id"] != interrupted
    assert_same_weights(out, trained)


@pytest.mark.parametrize("when", ["", "twin_"])
def test_a_training_of_something_else_is_not_resumed(
    when, store, recipe, market, tmp_path, monkeypatch
):
    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        kill(patch, when)
        with pytest.raises(Killed):
            train(market, recipe, out=out, progress=False)
    before = contents(out)
    other = recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"weight_decay": 0.2})}
    )
    for arguments in ((market, other), (simulate("volatility", 4, 700, seed=1), recipe)):
        with pytest.raises(ConfigError, match="of another recipe"):
            train(*arguments, out=out, resume=True, progress=False)
        assert contents(out) == before
    last = next(out.rglob("last.ckpt"))
    last.write_bytes(last.read_bytes()[:500])
    with pytest.raises(ModelFileError, match="cannot be read"):
        train(market, recipe, out=out, resume=True, progress=False)


_SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from forecasting.config import load_recipe
from forecasting.market.simulation import simulate
from forecasting.training.tracking import Run
from forecasting.training.train import train

log_metrics = Run.log_metrics
def report(self, metrics, step=None):
    log_metrics(self, metrics, step)
    if step == 6:
        waits = Path(sys.argv[1], "at-six")
        waits.touch()
        while waits.exists():
            time.sleep(0.05)
Run.log_metrics = report
train(simulate("volatility", 4, 700), load_recipe(sys.argv[2]), out=sys.argv[1], progress=False)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_process_that_dies_is_resumed_by_another(how, store, recipe, market, trained, tmp_path):
    out = tmp_path / "model"
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    command = [sys.executable, "-c", _SCRIPT, str(out), str(tmp_path / "recipe.yaml")]
    # Sums of another number of threads round otherwise.
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, env=os.environ | threads)
    while not (out / "at-six").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(how)
    (out / "at-six").unlink()
    assert process.wait(timeout=60) != 0
    assert (out / RUN_FILE).is_file()
    assert not (out / WEIGHTS).exists()
    train(market, recipe, out=out, resume=True, progress=False)
    assert_same_weights(out, trained)
