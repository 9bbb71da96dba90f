import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli.command import Command

import forecasting as fc
from forecasting.training.mlflow_store import tracking_uri


def test_page_and_tables(
    forecasting: Command,
    own_home: Path,
    price_file: Path,
    tmp_path: Path,
) -> None:
    folder, page = own_home / "model", tmp_path / "deep" / "page.html"
    done = forecasting("report", folder, "--prices", price_file, "--out", page)
    assert (done.code, done.err) == (0, "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert done.out.endswith(f"\nreport: {page}\ncard: {folder / 'card.md'}\n")
    spoken = " ".join(done.out.split())
    for words in ("Survivorship: no membership", "not matched for risk", "5 bps commission"):
        assert spoken.count(words) == 1
    for strategy in ("long_short (", "long_only (", "volatility_target ("):
        assert strategy in done.out
    import mlflow

    mlflow.set_tracking_uri(tracking_uri())
    run_id = fc.load_model(folder).files.metrics["mlflow_run_id"]
    stored = {file.path for file in mlflow.MlflowClient().list_artifacts(run_id)}
    assert {"page.html", "figures", "test_forecasts.parquet"} <= stored


def test_json_names_the_page(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    asked = ("--prices", price_file, "--out", tmp_path / "page.html", "--no-track", "--json")
    done = forecasting("report", model_folder, *asked)
    assert (done.code, done.err) == (0, "")
    printed = json.loads(done.out)
    assert Path(printed["report"]).is_file()
    assert [book["strategy"] for book in printed["backtests"]] == [
        *("long_short", "long_only", "volatility_target")
    ]


@pytest.mark.parametrize(("name", "why"), [("", "is a folder"), ("file/page.html", "is a file")])
def test_place_is_refused_before_the_work(
    name: str,
    why: str,
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    asked = ("--prices", price_file, "--out", tmp_path / name)
    assert why in forecasting("report", model_folder, *asked).error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_real_process_warns_of_nothing(
    model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "forecasting", "report", str(model_folder), "--no-track"]
    command += ["--prices", str(price_file), "--out", str(tmp_path / "page.html")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "page.html").is_file()
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
