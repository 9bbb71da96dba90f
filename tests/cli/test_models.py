import json
import shutil
from pathlib import Path

from cli.command import Command

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
    assert heads.split() == ["model", "state", "folder"]
    assert "mine 4 tickers, 1d ohlcv, unseen from 2011-08-15" in " ".join(done.out.split())
    assert any(line.startswith("broken ") and " damaged " in line for line in lines)
    assert "corpus.json is damaged" in " ".join(done.out.split())
    printed = json.loads(forecasting("models", "--json").out)
    folders = {each["model"]: Path(each["folder"]) for each in printed["models"]}
    assert folders["mine"] == tmp_path / "runs" / "mine"
    assert folders["jamba-tiny"] == paths.shipped_models() / "jamba-tiny"
    assert list(printed["damaged"]) == ["broken"]
