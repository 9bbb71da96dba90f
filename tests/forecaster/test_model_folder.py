"""Model folders: what is written is read, and every damage is one line."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from forecasting.config import load_recipe
from forecasting.errors import ConfigError, ForecastingError, ModelFileError
from forecasting.forecaster import model_folder as rooms_file
from forecasting.forecaster.model_folder import (
    FILES,
    RUN_FILE,
    WEIGHTS,
    find_model,
    read_folder,
    read_weights,
    write_folder,
)
from forecasting.forecaster.network_forecaster import load_forecaster
from forecasting.market.features import feature_names


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the trained model, to be damaged."""
    copy = tmp_path / "model"
    copy.mkdir()
    for name in FILES:
        shutil.copy(model_folder / name, copy / name)
    return copy


def change_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def change_json(name: str, **values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        tree = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(tree | values))

    return change


def change_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS)

    return rewrite


def write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


class Malice:
    """Whoever unpickles this runs it."""

    def __reduce__(self) -> tuple:
        return (os.mkdir, ("unpickled",))


def torch_pickle(folder: Path) -> None:
    torch.save({"state": Malice()}, folder / WEIGHTS)


def lie_about_length(folder: Path) -> None:
    """A header that claims to be longer than the file, as a fuzzer would write it."""
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes((2**62).to_bytes(8, "little") + content[8:])


def a_folder_named(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


CUT = slice(None, -100)

DAMAGES: dict[str, tuple[Callable[[Path], object], type[ForecastingError], str]] = {
    "no weights": (lambda f: (f / WEIGHTS).unlink(), ModelFileError, "has a recipe but no model"),
    "no recipe": (lambda f: (f / "recipe.yaml").unlink(), ModelFileError, "no model"),
    "no corpus": (lambda f: (f / "corpus.json").unlink(), ModelFileError, "cannot be read"),
    "no metrics": (lambda f: (f / "metrics.json").unlink(), ModelFileError, "cannot be read"),
    "no card": (lambda f: (f / "card.md").unlink(), ModelFileError, "cannot be read"),
    "weights are a folder": (a_folder_named(WEIGHTS), ModelFileError, "has a recipe but no"),
    "corpus is a folder": (a_folder_named("corpus.json"), ModelFileError, "cannot be read"),
    "truncated weights": (
        lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[CUT]),
        ModelFileError,
        "whole safetensors file",
    ),
    "empty weights": (write(WEIGHTS, b""), ModelFileError, "whole safetensors file"),
    "header of 2^62 bytes": (lie_about_length, ModelFileError, "whole safetensors file"),
    "a pickle": (
        write(WEIGHTS, pickle.dumps(Malice())),
        ModelFileError,
        "whole safetensors file",
    ),
    "a torch pickle": (torch_pickle, ModelFileError, "whole safetensors file"),
    "another width": (
        change_text("recipe.yaml", "hidden_size: 16", "hidden_size: 32"),
        ModelFileError,
        "has shape .* by recipe.yaml",
    ),
    "another depth": (
        change_text("recipe.yaml", "num_hidden_layers: 3", "num_hidden_layers: 4"),
        ModelFileError,
        "has shape none, expected",
    ),
    "fewer horizons": (
        change_text("recipe.yaml", "  - 21\n", ""),
        ModelFileError,
        "head.* has shape",
    ),
    "a tensor too many": (
        change_weights(lambda w: w.update(extra=torch.zeros(2))),
        ModelFileError,
        "extra has shape .*, expected none",
    ),
    "a tensor missing": (
        change_weights(lambda w: w.pop("head.proj.bias")),
        ModelFileError,
        "head.proj.bias has shape none",
    ),
    "another type": (
        change_weights(lambda w: w.update({"head.proj.bias": w["head.proj.bias"].double()})),
        ModelFileError,
        "head.proj.bias is torch.float64",
    ),
    "half precision": (
        change_weights(lambda w: w.update({k: v.half() for k, v in w.items()})),
        ModelFileError,
        "is torch.float16",
    ),
    "a NaN": (
        change_weights(lambda w: w["head.proj.bias"].fill_(torch.nan)),
        ModelFileError,
        "not finite",
    ),
    "an infinity": (
        change_weights(lambda w: w["feature_mean"].fill_(torch.inf)),
        ModelFileError,
        "not finite",
    ),
    "corpus of half a JSON": (
        lambda f: (f / "corpus.json").write_text((f / "corpus.json").read_text()[:50]),
        ModelFileError,
        "corpus.json is damaged",
    ),
    "corpus of bytes": (write("corpus.json", b"\xff\xfe\x00"), ModelFileError, "cannot be read"),
    "corpus lacks a key": (write("corpus.json", b"{}"), ModelFileError, "source: Field required"),
    "corpus with an unknown key": (
        change_json("corpus.json", extra=1),
        ModelFileError,
        "extra: Extra inputs",
    ),
    "corpus of no time": (
        change_json("corpus.json", test_start="soon"),
        ModelFileError,
        "test_start: ",
    ),
    "corpus of NaT": (change_json("corpus.json", test_start="NaT"), ModelFileError, "test_start: "),
    "unknown features": (
        change_json("corpus.json", features="tea leaves"),
        ModelFileError,
        "features: Input should be 'close', 'ohlc' or 'ohlcv'",
    ),
    "features of another version": (
        change_json("corpus.json", feature_names=[*feature_names("ohlcv")[1:], "tea"]),
        ModelFileError,
        "other features",
    ),
    "metrics of half a JSON": (write("metrics.json", b'{"a":'), ModelFileError, "is damaged"),
    "metrics are a list": (write("metrics.json", b"[1]"), ModelFileError, "is damaged"),
    "metrics very deep": (write("metrics.json", b"[" * 10**5), ModelFileError, "is damaged"),
    "card of bytes": (write("card.md", b"\xff\xfe\x00"), ModelFileError, "cannot be read"),
    "recipe with an unknown key": (
        change_text("recipe.yaml", "hidden_size:", "hiden_size:"),
        ConfigError,
        "did you mean 'hidden_size'",
    ),
    "recipe is no YAML": (write("recipe.yaml", b"name: ["), ConfigError, "not valid YAML"),
    "recipe with code": (
        write("recipe.yaml", b"!!python/object/apply:os.mkdir ['unpickled']"),
        ConfigError,
        "not valid YAML",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_one_line(folder, damage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spoil, kind, reason = DAMAGES[damage]
    spoil(folder)
    with pytest.raises(kind, match=reason) as caught:
        load_forecaster(folder)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "unpickled").exists()


def test_an_undamaged_folder_loads(folder):
    assert load_forecaster(folder).folder == folder


# Finding.


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nonsense",
        "../../etc/passwd",
        "..",
        "runs/../../model",
        "/etc",
        "jamba-tiny/../../pyproject.toml",
        "a" * 300,
        "nul\0byte",
        "\n",
    ],
)
def test_a_name_that_is_no_model_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError) as caught:
        find_model(name)
    assert "\n" not in str(caught.value)


def test_a_name_does_not_climb_out_of_the_runs(folder, tmp_path, monkeypatch):
    """`..` counts from where the user stands, never from inside `runs/` or `models/`."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ModelFileError):
        find_model("../runs/../model/../nothing")
    assert find_model("../model") == Path("../model")
    with pytest.raises(ModelFileError):
        find_model("..")


def test_a_model_is_found_by_folder_or_by_its_name_under_runs(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_model(folder) == folder
    assert find_model("model") == Path("model")
    (tmp_path / "runs").mkdir()
    shutil.move(folder, tmp_path / "runs" / "mine")
    assert find_model("mine") == tmp_path / "runs" / "mine"


def test_a_recipe_without_weights_says_how_to_train_it():
    with pytest.raises(ModelFileError, match=r"`forecasting train --recipe gru-twin`\.$"):
        find_model("gru-twin")


def test_an_unfinished_training_is_no_model(tmp_path):
    mine = tmp_path / "runs" / "gru-twin"
    mine.mkdir(parents=True)
    (mine / RUN_FILE).touch()
    for name in ("gru-twin", mine):
        with pytest.raises(ModelFileError, match=f"the training in {mine} is unfinished.*--resume"):
            find_model(name)


# Writing.


def test_written_and_read_it_is_the_same(folder, tmp_path):
    model = load_forecaster(folder)
    write_folder(tmp_path / "deep" / "copy", model.files, model.network.state_dict())
    assert read_folder(tmp_path / "deep" / "copy") == model.files
    for name in FILES:
        assert (tmp_path / "deep" / "copy" / name).read_bytes() == (folder / name).read_bytes()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["copy"]


def test_writing_replaces_the_model_and_leaves_the_rest(folder):
    model = load_forecaster(folder)
    (folder / "notes.txt").write_text("mine")
    other = {name: value + 1 for name, value in model.network.state_dict().items()}
    write_folder(folder, model.files, other)
    found = read_weights(folder, model.network.state_dict())
    assert all(torch.equal(found[name], other[name]) for name in other)
    assert {path.name for path in folder.iterdir()} == {*FILES, "notes.txt"}


@pytest.mark.parametrize("after", range(6))
def test_a_crash_while_writing_never_leaves_a_mixture(folder, after, monkeypatch):
    """New settings beside old weights would load and forecast nonsense."""
    model = load_forecaster(folder)
    old = (folder / WEIGHTS).read_bytes()
    weights = {name: value + 1 for name, value in model.network.state_dict().items()}
    move, calls = os.replace, []

    def crash(source: Path, target: Path) -> None:
        if len(calls) == after:
            raise OSError("no space left on device")
        calls.append(target)
        move(source, target)

    monkeypatch.setattr(rooms_file.os, "replace", crash)
    if after < len(FILES):
        with pytest.raises(OSError, match="no space"):
            write_folder(folder, model.files, weights)
        assert not (folder / WEIGHTS).exists()
    else:
        write_folder(folder, model.files, weights)
        assert (folder / WEIGHTS).read_bytes() != old
    assert not list(folder.parent.glob(".model-*"))


def test_a_crash_before_writing_leaves_the_old_model(folder, monkeypatch):
    model = load_forecaster(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def crash(weights: dict[str, torch.Tensor]) -> bytes:
        raise MemoryError

    monkeypatch.setattr(rooms_file, "save", crash)
    with pytest.raises(MemoryError):
        write_folder(folder, model.files, model.network.state_dict())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not list(folder.parent.glob(".model-*"))


def test_the_recipe_that_is_written_names_its_features(model_folder):
    """`auto` would choose anew, by the columns of whatever prices come."""
    assert load_recipe(model_folder).data.features == "ohlcv"
