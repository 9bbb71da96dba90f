import json
import shutil
from pathlib import Path

import pytest
from cli.command import Command

import forecasting as fc
from forecasting import paths


def test_models_and_recipes_are_listed(
    forecasting: Command, model_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(model_folder, tmp_path / "runs" / "mine")
    broken = shutil.copytree(model_folder, tmp_path / "runs" / "broken")
    (broken / "corpus.json").write_text("{")
    done = forecasting("models")
    assert (done.code, done.err) == (0, "")
    heads, *lines = done.out.splitlines()
    assert heads.split() == [
        *("model", "parameters", "active", "KiB", "context", "gain", "trained", "on", "folder")
    ]
    assert "4 tickers, 1d ohlcv, unseen from 2011-08-15" in " ".join(done.out.split())
    assert any(line.startswith("broken ") and " damaged " in line for line in lines)
    assert "corpus.json is damaged" in " ".join(done.out.split())
    printed = json.loads(forecasting("models", "--json").out)
    folders = {each["model"]: Path(each["folder"]) for each in printed["models"]}
    assert folders["mine"] == tmp_path / "runs" / "mine"
    assert folders["jamba-tiny"] == paths.shipped_models() / "jamba-tiny"
    assert list(printed["damaged"]) == ["broken"]


def test_sizes_and_gain_stand_beside_each_model(
    forecasting: Command, model_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(model_folder, tmp_path / "runs" / "mine")
    printed = json.loads(forecasting("models", "--json").out)
    rows = {each["model"]: each for each in printed["models"]}
    mine, recipe = rows["mine"], rows["jamba-tiny"]
    metrics = fc.load_model(model_folder).files.metrics
    assert mine["parameters"] == metrics["parameters"] > mine["active_parameters"]
    gain = metrics["baseline_validation_nll"] - metrics["validation_nll"]
    assert mine["validation_gain"] == pytest.approx(gain)
    assert (mine["context_length"], recipe["context_length"]) == (48, 256)
    assert 0 < mine["state_bytes"] < recipe["state_bytes"]
    assert recipe["validation_gain"] is None
    line = next(x for x in forecasting("models").out.splitlines() if x.startswith("mine "))
    assert line.split()[1:4] == [
        f"{mine['parameters']:,}",
        f"{mine['active_parameters']:,}",
        f"{mine['state_bytes'] / 1024:,.1f}",
    ]
