import json
from pathlib import Path

import pandas as pd
import pytest
from cli.command import USAGE, Command
from conftest import TINY

import forecasting as fc
from forecasting import paths

SETTINGS = ["--recipe", "jamba-tiny", *(word for setting in TINY for word in ("--set", setting))]


def test_trained_folder_forecasts_one_of_its_tickers(
    forecasting: Command, price_file: Path, trained_home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    source = ("--prices", price_file)
    asked = ("AAA", "BBB", *source, "--out", out, "--no-twin", "--seed", 7, *SETTINGS)
    done = forecasting("train", *asked, "--json")
    assert (done.code, done.err) == (0, "")
    printed = json.loads(done.out)
    assert printed["model"] == str(out)
    assert printed["metrics"]["seed"] == 7
    assert list(printed["corpus"]["members"]) == ["AAA", "BBB"]
    assert fc.load_model(out).files.recipe.network.hidden_size == 16
    assert forecasting("forecast", out, "AAA", *source).code == 0
    assert "already holds a model" in forecasting("train", *asked).error


def test_a_model_learns_on_from_another(
    forecasting: Command, price_file: Path, trained_home: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tuned"
    early = ("--set", "data.validation_start=0.3", "--set", "data.test_start=0.5")
    asked = ("AAA", "BBB", "--prices", price_file, "--no-twin", "--out", out, *early)
    asked += ("--from", model_folder, "--tune", "head", "--set", "training.max_steps=3")
    done = forecasting("train", *asked, "--json")
    assert (done.code, done.err) == (0, "")
    printed = json.loads(done.out)
    (parent,) = printed["corpus"]["parents"]
    assert (parent["name"], parent["tune"]) == ("jamba-tiny", "head")
    assert printed["corpus"]["test_start"] == fc.load_model(model_folder).corpus.test_start
    (note,) = printed["notes"]
    assert note.startswith("The validation score flatters: jamba-tiny")
    told = forecasting("train", *asked, "--overwrite")
    assert told.code == 0
    assert told.out.startswith("jamba-tiny-tuned: 2 tickers")
    words = " ".join(told.out.split())
    assert "validation gain over jamba-tiny, where it starts" in words
    assert "jamba-tiny as it came " in words
    assert "\nLearnt on gently: learning rate 0.000667, at most 3 steps; " in told.err
    assert note in words


def test_doubts_about_the_recipe_come_first(
    forecasting: Command, price_file: Path, trained_home: Path, tmp_path: Path
) -> None:
    asked = ("CCC", "--prices", price_file, "--no-twin", *SETTINGS)
    asked += ("--set", "network.attn_layer_offset=0", "--out", tmp_path / "mine")
    told = forecasting("train", *asked)
    assert told.out.startswith("- attn_layer_offset is 0: a hybrid")
    (note,) = json.loads(forecasting("train", *asked, "--overwrite", "--json").out)["notes"]
    assert note.startswith("attn_layer_offset is 0")


@pytest.mark.parametrize(
    ("task", "tickers", "expected"),
    [
        ("range_variance", ("A", "B"), "no prices here have ranges"),
        ("rank", ("A", "B"), "no bar here has tickers enough to rank"),
    ],
)
def test_a_task_without_targets_is_named(
    task: str,
    tickers: tuple[str, ...],
    expected: str,
    forecasting: Command,
    close_only: fc.Panel,
    trained_home: Path,
    tmp_path: Path,
) -> None:
    closes = pd.DataFrame(
        close_only.column("adj_close")[:, :2], index=close_only.times, columns=list(tickers)
    )
    for ticker in tickers:
        closes[ticker].rename("close").to_csv(tmp_path / f"{ticker}.csv", index_label="date")
    asked = ("--prices", tmp_path / "*.csv", "--no-twin", *SETTINGS, "--out", tmp_path / "mine")
    asked += ("--set", f"network.tasks=[{task}]", "--set", f"training.task_weights={{{task}: 1}}")
    done = forecasting("train", *asked)
    assert done.code == 0
    assert f"- Task {task}: {expected}, nothing was learnt." in done.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--tune", "head"), "Name it by --from, or leave --tune out."),
        (("--from", "nowhere"), "no model 'nowhere'"),
        (("--from", "{model}", "--recipe", "gru-twin"), "jamba-tiny has mamba"),
        (("--from", "{model}", "--out", "{model}"), "holds the model to start from"),
    ],
)
def test_starts_that_cannot_be(
    options: tuple[str, ...],
    expected: str,
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
    tmp_path: Path,
) -> None:
    given = [option.format(model=model_folder) for option in options]
    done = forecasting("train", "--prices", price_file, *given)
    assert expected in done.error
    assert not list(tmp_path.iterdir())


def test_last_words_say_what_to_do_next(
    forecasting: Command, price_file: Path, trained_home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "my model"
    asked = ("--prices", price_file, "--out", out, "--no-twin", *SETTINGS)
    done = forecasting("train", "CCC", *asked)
    assert done.code == 0
    first, *_, last = done.out.splitlines()
    assert first.startswith("jamba-tiny: 1 ticker, features ohlcv+echo_square+echo_range, ")
    assert last == f"next: forecasting evaluate '{out}' CCC --prices {price_file}"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("rubbish", "expected section.key=value"),
        ("=1", "expected section.key=value"),
        ("training.max_step=1", "did you mean 'max_steps'?"),
        ("traning=1", "did you mean 'training'?"),
        ("training.max_steps=many", "training.max_steps = 'many'"),
        ("training.max_steps=[1", "not valid YAML"),
        ("network.attn_layer_offset=3", "must be smaller than attn_layer_period 3"),
        ("data.test_start=2030-01-01", "Set data.validation_start and data.test_start"),
    ],
)
def test_settings_that_cannot_be(
    setting: str, expected: str, forecasting: Command, price_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    asked = ("--recipe", "jamba-tiny", "--set", setting)
    done = forecasting("train", "--prices", price_file, "--out", out, *asked)
    assert expected in done.error
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: mine\nnetwork: {hiden_size: 8}", "did you mean 'hidden_size'?"),
        ("name: mine\nnetwork: {expert_layer_offset: 2}", "must be smaller than"),
        ("name: mine\nnetwork: 3", "network = 3"),
        ("[1, 2", "is not valid YAML"),
        ("", "holds no settings"),
    ],
)
def test_recipes_that_are_none(
    text: str, expected: str, forecasting: Command, price_file: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(text)
    asked = ("--prices", price_file, "--recipe", recipe, "--out", tmp_path / "mine")
    assert expected in forecasting("train", *asked).error
    assert not (tmp_path / "mine").exists()


def test_recipe_that_is_not_there(forecasting: Command) -> None:
    assert "Did you mean 'jamba-tiny'?" in forecasting("train", "--recipe", "jamba-tny").error


def test_the_folders_of_the_package_are_not_trained_in(
    forecasting: Command, price_file: Path
) -> None:
    for folder in (paths.shipped_models() / "jamba-small", paths.shipped_models() / "mine"):
        before = sorted(folder.glob("*"))
        done = forecasting("train", "--prices", price_file, "--out", folder, "--overwrite")
        assert "comes with the package" in done.error
        assert sorted(folder.glob("*")) == before


def test_places_that_cannot_be_written(
    forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    for out in (price_file, price_file / "model", model_folder):
        error = forecasting("train", "--prices", price_file, "--out", out, *SETTINGS).error
        assert str(out) in error


def test_unreachable_mlflow_stops_the_work_before_it_starts(
    forecasting: Command, price_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    out = tmp_path / "mine"
    done = forecasting("train", "--prices", price_file, "--out", out, *SETTINGS)
    assert "the MLflow store http://127.0.0.1:9 did not answer" in done.error
    assert not list(out.rglob("*.safetensors"))


def test_wrong_usage(forecasting: Command) -> None:
    assert forecasting("train", "--seed", "lucky").code == USAGE
    assert forecasting("train", "--from", "demo", "--tune", "lora").code == USAGE
    assert forecasting("train", "--start", "soon").code == USAGE
