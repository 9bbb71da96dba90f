"""Runs are found by id, by its beginning and by what they made; else it is said what there is."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from forecasting import paths
from forecasting.errors import TrackingError
from forecasting.forecaster.model_folder import WEIGHTS, read_folder
from forecasting.training.past_runs import find_run, known_run, runs_below
from forecasting.training.tracking import open_run


@pytest.fixture
def trained_home(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home in which `trained` was tracked."""
    monkeypatch.setenv("FORECASTING_HOME", str(trained.parent))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_run_is_found_by_its_id_its_beginning_and_its_model(
    trained_home: None, trained: Path
) -> None:
    run_id = read_folder(trained).metrics["mlflow_run_id"]
    run = find_run(run_id)
    assert (run.run_id, run.name, run.status) == (run_id, "jamba-tiny", "FINISHED")
    assert run.params["recipe"] == "jamba-tiny"
    assert run == find_run(run_id[:7]) == find_run(str(trained)) == known_run(run_id)
    assert run.label.startswith(f"{run_id[:8]} (jamba-tiny, 20")


def test_what_a_run_logged_is_read_again(trained_home: None, trained: Path, tmp_path: Path) -> None:
    run = find_run(str(trained))
    assert {"forecasts.parquet", "prices.json"} <= run.files()
    assert run.read_json("prices")["vintage"] == run.params["data.vintage"]
    assert set(run.read_table("forecasts")["horizon"]) == {1, 5, 21}
    folder = run.fetch_model(tmp_path)
    found, truth = load_file(folder / WEIGHTS), load_file(trained / WEIGHTS)
    assert all(torch.equal(found[name], truth[name]) for name in truth)
    assert read_folder(folder) == read_folder(trained)


@pytest.mark.parametrize("name", ["nope", "0" * 32, "abc'; --", "%", "../x", ""])
def test_an_unknown_run_is_one_line_with_the_latest(
    trained_home: None, trained: Path, name: str
) -> None:
    with pytest.raises(TrackingError, match=r"no run .* the latest are ") as caught:
        find_run(name)
    run_id = read_folder(trained).metrics["mlflow_run_id"]
    assert f"{run_id[:8]} (jamba-tiny" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_beginning_of_several_runs(store: str) -> None:
    runs = []
    for _ in range(17):  # of so many, two begin alike
        with open_run("mine") as run:
            runs.append(run.run_id)
    first = max("0123456789abcdef", key=[run_id[0] for run_id in runs].count)
    with pytest.raises(TrackingError, match=f"several runs begin with '{first}'"):
        find_run(first)


def test_nothing_was_tracked_yet_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"it has none\. Make one by training"):
        find_run("abc")
    assert not paths.runs().exists()
    assert known_run("0" * 32) is None


def test_runs_below_another(store: str) -> None:
    with open_run("all") as above, open_run("one", parent=above.run_id) as below:
        pass
    assert [run.run_id for run in runs_below(find_run(above.run_id))] == [below.run_id]
    assert runs_below(find_run(below.run_id)) == []


def test_damaged_files_are_one_line(store: str, tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text("{")
    (tmp_path / "forecasts.parquet").write_text("no table")
    with open_run("mine") as run:
        run.log_file(tmp_path / "prices.json")
        run.log_file(tmp_path / "forecasts.parquet")
        run.log_table(pd.DataFrame({"a": [1]}), "whole")
    past = find_run(run.run_id)
    with pytest.raises(TrackingError, match=r"prices\.json of run .* is damaged"):
        past.read_json("prices")
    with pytest.raises(TrackingError, match=r"forecasts\.parquet of run .* is damaged"):
        past.read_table("forecasts")
    assert past.read_table("whole")["a"].tolist() == [1]
    with pytest.raises(TrackingError):
        past.fetch_model(tmp_path)
