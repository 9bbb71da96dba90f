"""A shipped model at the command line: published, found by its name, and left as it is."""

import json
import shutil
from pathlib import Path

import pytest
from cli.command import USAGE, Command
from workflow.test_publishing import contents, stamp

from forecasting import paths
from forecasting.forecaster.model_folder import WEIGHTS


@pytest.fixture
def shipped(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model as one that came with the package, called `ours`."""
    stamp(own_home / "model")
    folder = tmp_path / "models" / "ours"
    shutil.copytree(own_home / "model", folder, ignore=lambda *_: ["twin"])
    monkeypatch.setattr(paths, "shipped_models", lambda: tmp_path / "models")
    return folder


def test_publish(forecasting: Command, own_home: Path, tmp_path: Path) -> None:
    asked = ("publish", own_home / "model", "--out", tmp_path / "shared")
    assert "has not" not in forecasting(*asked).error
    stamp(own_home / "model")
    done = forecasting(*asked)
    assert done.code == 0
    assert done.out.startswith(f"jamba-tiny in {tmp_path / 'shared'}: 0.")
    assert "already holds a model" in forecasting(*asked).error
    printed = json.loads(forecasting(*asked, "--overwrite", "--json").out)
    assert printed["weights_bytes"] == (tmp_path / "shared" / WEIGHTS).stat().st_size
    assert "mlflow_run_id" not in printed["metrics"]
    assert forecasting("publish", own_home / "model").code == USAGE


def test_judging_leaves_a_shipped_model_as_it_is(
    forecasting: Command, shipped: Path, price_file: Path, own_home: Path
) -> None:
    before, source = contents(shipped), ("--prices", price_file)
    judged = forecasting("evaluate", "ours", *source)
    assert judged.out.rstrip().endswith("comes with the package and stays as it is")
    assert "jamba-tiny comes without its GRU twin" in judged.out
    audited = forecasting("audit", "ours", *source, "--quick")
    assert f"stamp: {shipped / 'audit.json'} comes with the package" in audited.out
    assert forecasting("report", "ours", *source).code == 0
    assert (own_home / "runs" / "ours" / "report.html").is_file()
    assert forecasting("backtest", "ours", *source).code == 0
    assert contents(shipped) == before


def test_what_a_shipped_model_has_seen_is_locked(
    forecasting: Command, shipped: Path, price_file: Path
) -> None:
    early = ("ours", "AAA", "--prices", price_file, "--start", "2011-06-01", "--no-track")
    assert "IN SAMPLE" in forecasting("evaluate", *early).out
    for verb in ("backtest", "report"):
        assert "was trained and chosen on bars before 2011-08-15" in forecasting(verb, *early).error


def test_a_name_that_two_models_have(
    forecasting: Command, shipped: Path, price_file: Path, own_home: Path
) -> None:
    asked = ("AAA", "--prices", price_file)
    assert forecasting("forecast", "ours", *asked).err == ""
    own = shutil.copytree(shipped, own_home / "runs" / "ours")
    done = forecasting("forecast", "ours", *asked)
    assert (done.code, done.err) == (0, f"ours is the model of the package; your own is {own}.\n")
    assert forecasting("forecast", own, *asked).err == ""


def test_another_model_beside_it(
    forecasting: Command, shipped: Path, price_file: Path, own_home: Path
) -> None:
    asked = ("evaluate", own_home / "model", "--prices", price_file, "--no-track")
    done = forecasting(*asked, "--against", "ours")
    assert done.code == 0
    assert "models/ours" in done.out
    assert "The two have the same weights: they are one model." in " ".join(done.out.split())
    assert "no model 'nobody'" in forecasting(*asked, "--against", "nobody").error
