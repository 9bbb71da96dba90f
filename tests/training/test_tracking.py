"""Tracking in a real SQLite store, and one line for every store that does not answer."""

import os
import pickle
import re
import shutil
import socket
import time
import zipfile
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from matplotlib.figure import Figure

import forecasting as fc
from forecasting import paths
from forecasting.errors import TrackingError
from forecasting.forecaster.model_folder import FILES
from forecasting.training.mlflow_store import tracking_uri
from forecasting.training.results import track_results
from forecasting.training.tracking import git_commit, open_run, provenance

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def look_up(uri: str, run_id: str) -> mlflow.entities.Run:
    return mlflow.MlflowClient(uri).get_run(run_id)


def artifacts(uri: str, run_id: str) -> Path:
    return Path(look_up(uri, run_id).info.artifact_uri.removeprefix("file://"))


def logged_model(folder: Path) -> Path:
    """Where MLflow put the one model beside the runs of an embedded store."""
    (made,) = (folder / "runs" / "mlartifacts" / "models").iterdir()
    return made / "artifacts"


def holds_pickle(path: Path) -> bool:
    """Whether a file is a pickle, or a zip such as torch writes, with one inside."""
    if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"):
        return True
    if zipfile.is_zipfile(path):
        return any(name.endswith(".pkl") for name in zipfile.ZipFile(path).namelist())
    return path.read_bytes()[:1] == pickle.PROTO


def test_a_run_keeps_what_is_logged(store):
    with open_run("mine") as run:
        run.log_params({"network.hidden_size": 16, "data.horizons": (1, 5)})
        run.log_metrics({"nll": 1.5, "lost": float("nan"), "far": float("inf")}, step=3)
        run.log_metrics({"nll": 1.25}, step=6)
    found = look_up(store, run.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "mine")
    assert found.data.params == {"network.hidden_size": "16", "data.horizons": "(1, 5)"}
    assert found.data.metrics == {"nll": 1.25}
    history = mlflow.MlflowClient(store).get_metric_history(run.run_id, "nll")
    assert [(metric.step, metric.value) for metric in history] == [(3, 1.5), (6, 1.25)]


def test_files_lie_beside_the_embedded_store(store, tmp_path):
    table = pd.DataFrame({"ticker": ["A", "B"], "loc": [0.5, -0.5]})
    (tmp_path / "report.html").write_text("<p>")
    with open_run("mine") as run:
        run.log_table(table, "forecasts")
        run.log_figure(Figure(), "fan")
        run.log_file(tmp_path / "report.html")
        run.log_file(tmp_path / "report.html", "deeper")
    folder = artifacts(store, run.run_id)
    assert folder.is_relative_to(tmp_path / "runs" / "mlartifacts")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"forecasts.parquet", "figures/fan.png", "report.html", "deeper/report.html"}
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "forecasts.parquet"), table)


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt])
def test_a_run_that_breaks_is_marked_failed(store, reason):
    with pytest.raises(reason), open_run("mine") as run:
        raise reason
    assert look_up(store, run.run_id).info.status == "FAILED"
    assert mlflow.active_run() is None


def test_a_run_is_opened_again_where_the_store_has_it(store):
    with open_run("mine") as first:
        first.log_metrics({"a": 1.0})
    with open_run("renamed", first.run_id) as again:
        again.log_metrics({"b": 2.0})
    assert again.run_id == first.run_id
    found = look_up(store, first.run_id)
    assert found.info.run_name == "mine"
    assert found.data.metrics == {"a": 1.0, "b": 2.0}
    with open_run("other", "0" * 32) as other:
        pass
    assert other.run_id not in ("0" * 32, first.run_id)


@pytest.mark.parametrize("still_open", [True, False])
def test_a_run_is_shown_below_another(store, still_open):
    with open_run("all") as above:
        if still_open:
            with open_run("one", parent=above.run_id) as below:
                below.log_metrics({"a": 1.0})
            above.log_metrics({"b": 2.0})
    if not still_open:
        with open_run("one", parent=above.run_id) as below:
            below.log_metrics({"a": 1.0})
    found = look_up(store, below.run_id)
    assert found.data.tags["mlflow.parentRunId"] == above.run_id
    assert (found.info.status, found.info.run_name) == ("FINISHED", "one")
    assert found.data.metrics == {"a": 1.0}
    assert "mlflow.parentRunId" not in look_up(store, above.run_id).data.tags
    with open_run("again", below.run_id, parent=above.run_id) as again:
        pass
    assert again.run_id == below.run_id
    assert look_up(store, again.run_id).data.tags["mlflow.parentRunId"] == above.run_id


def test_a_parent_that_the_store_does_not_have_is_one_line(store):
    options = {"parent": "0" * 32}
    with pytest.raises(TrackingError, match="not found") as caught, open_run("one", **options):
        raise AssertionError("there is no run")
    assert "\n" not in str(caught.value)


def test_the_environment_chooses_the_store(store, empty_store, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere.db"
    shutil.copy(empty_store, elsewhere)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    assert tracking_uri() == f"sqlite:///{elsewhere}"
    with open_run("mine") as run:
        pass
    assert look_up(tracking_uri(), run.run_id).info.status == "FINISHED"
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{elsewhere}"
    with pytest.raises(mlflow.exceptions.MlflowException, match="not found"):
        look_up(store, run.run_id)


def test_the_store_moves_with_the_home(store, empty_store, tmp_path, monkeypatch):
    """MLflow writes its address into the environment; the next home must not inherit it."""
    with open_run("here"):
        pass
    assert "MLFLOW_TRACKING_URI" not in os.environ
    monkeypatch.setenv("FORECASTING_HOME", str(tmp_path / "there"))
    (tmp_path / "there" / "runs").mkdir(parents=True)
    shutil.copy(empty_store, tmp_path / "there" / "runs" / "mlflow.db")
    with open_run("there") as run:
        pass
    assert look_up(tracking_uri(), run.run_id).info.run_name == "there"
    assert artifacts(tracking_uri(), run.run_id).is_relative_to(tmp_path / "there")


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_an_unreachable_server_is_one_line_in_seconds(closed_port, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{closed_port}")
    started = time.perf_counter()
    with pytest.raises(TrackingError) as caught, open_run("mine"):
        raise AssertionError("there is no run")
    assert time.perf_counter() - started < 30
    text = str(caught.value)
    assert text.startswith(f"the MLflow store http://127.0.0.1:{closed_port} did not answer")
    assert "MLFLOW_TRACKING_URI" in text
    assert "\n" not in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("nonsense://somewhere", "nonsense"),
        ("sqlite:///{here}", "unable to open database file"),
        ("sqlite:///{here}/damaged.db", "file is not a database"),
        ("sqlite:///{here}/damaged.db/deeper/x.db", "damaged.db"),
        ("file://{here}/mlruns", "maintenance mode"),
        ("postgresql://me:secret@127.0.0.1:1/x", "psycopg"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(uri, reason, tmp_path, monkeypatch):
    (tmp_path / "damaged.db").write_text("certainly no database " * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(here=tmp_path))
    started = time.perf_counter()
    with pytest.raises(TrackingError, match=reason) as caught, open_run("mine"):
        raise AssertionError("there is no run")
    assert time.perf_counter() - started < 30
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_store_that_falls_silent_ends_the_run(store, tmp_path):
    with pytest.raises(TrackingError), open_run("mine") as run:
        run.log_file(tmp_path / "is not there")
    assert look_up(store, run.run_id).info.status == "FAILED"


def test_a_model_is_logged_without_pickle(store, model_folder, tmp_path):
    with open_run("mine") as run:
        run.log_model(model_folder)
    made = logged_model(tmp_path)
    files = [path for path in made.rglob("*") if path.is_file()]
    assert set(FILES) == {p.name for p in (made / "artifacts" / model_folder.name).iterdir()}
    assert not [path for path in files if holds_pickle(path)]
    assert "python_model.pkl" not in (made / "MLmodel").read_text()


def test_pickles_are_recognised(tmp_path):
    import torch

    (tmp_path / "a").write_bytes(pickle.dumps([1]))
    torch.save([1], tmp_path / "b")
    (tmp_path / "c").write_text("plain")
    assert [holds_pickle(tmp_path / name) for name in "abc"] == [True, True, False]


def test_results_join_the_run_of_their_model(store, model_folder, prices, tmp_path):
    """This store has never seen the model's own run: the first results open one of their own."""
    model = fc.load_model(model_folder)
    newest = model.forecast(prices).between(prices.times[-3])
    (tmp_path / "report.html").write_text("<p>")
    run_id = track_results(
        model,
        {"test_nll_h1": 1.0, "lost": float("nan")},
        figures={"fan": Figure()},
        forecast=newest,
        files=(tmp_path / "report.html",),
    )
    assert run_id != model.files.metrics["mlflow_run_id"]
    found = look_up(store, run_id)
    assert found.info.run_name == model.name
    assert found.data.metrics == {"test_nll_h1": 1.0}
    folder = artifacts(store, run_id)
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / "test_forecasts.parquet"), newest.to_frame()
    )
    assert (folder / "figures" / "fan.png").is_file()
    assert (folder / "report.html").is_file()
    model.files.metrics["mlflow_run_id"] = run_id
    assert track_results(model, {"test_nll_h5": 2.0}) == run_id
    assert set(look_up(store, run_id).data.metrics) == {"test_nll_h1", "test_nll_h5"}


def test_the_commit_is_known_in_a_checkout_and_nowhere_else(tmp_path, monkeypatch):
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", git_commit())
    assert provenance() == {"version": fc.__version__, "git_commit": git_commit()}
    monkeypatch.setattr(paths, "PACKAGE", tmp_path)
    assert git_commit() == "unknown"


def test_mlflow_tells_nobody(store):
    with open_run("mine"):
        pass
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
