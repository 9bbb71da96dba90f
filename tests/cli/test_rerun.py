"""`forecasting rerun`: what it says, and how it ends."""

import json
import shutil
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from cli.command import USAGE, Command
from conftest import TINY, make_frames

from forecasting.training.mlflow_store import tracking_uri
from forecasting.training.past_runs import find_run

# MLflow's database layer warns about its own insides where a test asks it.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a price file and a model that the command line trained on it."""
    from forecasting.cli import main

    home = tmp_path_factory.mktemp("home")
    make_frames()["AAA"].to_csv(home / "AAA.csv", index_label="date")
    settings = ["--recipe", "jamba-tiny", *(p for each in TINY for p in ("--set", each))]
    asked = ["--prices", str(home / "AAA.csv"), "--out", str(home / "mine"), "--no-twin", "--json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with pytest.raises(SystemExit) as ended:
            main(["train", *asked, *settings])
    assert not ended.value.code
    return home


@pytest.fixture
def home(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORECASTING_HOME", str(place))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return place


def test_identical(forecasting: Command, home: Path) -> None:
    run_id = find_run(str(home / "mine")).run_id
    told = forecasting("rerun", run_id[:6], "--train")
    assert (told.code, told.err) == (0, "")
    first, second, *lines = told.out.splitlines()
    assert first == f"jamba-tiny, run {run_id}"
    assert second.startswith("prices as they were: ")
    forecasts, weights, again, *notes = [line for line in lines if "identical" in line]
    assert forecasts.startswith("identical: ")
    assert weights.startswith("trained again: identical: ")
    assert again == f"trained again: {forecasts}"
    assert not notes


def test_json(forecasting: Command, home: Path) -> None:
    said = json.loads(forecasting("rerun", home / "mine", "--json").out)
    assert said["identical"] is True
    assert said["forecasts"]["differing"] == 0
    assert said["forecasts"]["largest"] is None
    assert said["weights"] is None


def test_what_differs_exits_with_1(forecasting: Command, home: Path, tmp_path: Path) -> None:
    run = mlflow.MlflowClient(tracking_uri()).get_run(find_run(str(home / "mine")).run_id)
    path = Path(run.info.artifact_uri.removeprefix("file://")) / "forecasts.parquet"
    shutil.copy(path, tmp_path)
    logged = pd.read_parquet(path)
    logged["df"] += 0.5
    logged.to_parquet(path)
    told = forecasting("rerun", home / "mine")
    assert (told.code, told.err) == (1, "")
    n = len(logged)
    words = " ".join(told.out.split())
    assert f"NOT identical: {n:,} of {n:,} forecasts, by at most 0.5; first AAA of " in words
    shutil.copy(tmp_path / path.name, path)


def test_prices_that_were_changed_since(forecasting: Command, home: Path, tmp_path: Path) -> None:
    file = home / "AAA.csv"
    shutil.copy(file, tmp_path)
    frame = make_frames()["AAA"]
    frame.iloc[100, frame.columns.get_loc("close")] *= 1.01
    frame.to_csv(file, index_label="date")
    error = forecasting("rerun", home / "mine").error
    assert f"{file} has other prices by now: expected vintage " in error
    assert "Restore the prices as they were, or train again." in error
    file.unlink()
    assert f"no price files at {file}" in forecasting("rerun", home / "mine").error
    shutil.copy(tmp_path / file.name, file)


def test_unknown_runs(forecasting: Command, home: Path) -> None:
    run_id = find_run(str(home / "mine")).run_id
    error = forecasting("rerun", "nope").error
    assert "no run 'nope' in the MLflow store" in error
    assert f"the latest are {run_id[:8]} (jamba-tiny" in error
    assert forecasting("rerun").code == USAGE
