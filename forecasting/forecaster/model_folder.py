"""A model is a folder: recipe, weights, corpus manifest, metrics and card. Nothing is unpickled."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from forecasting import paths
from forecasting.config import Recipe, load_recipe
from forecasting.errors import ModelFileError
from forecasting.forecaster.corpus import Corpus
from forecasting.forecaster.shipped import is_shipped
from forecasting.market.atomic_file import write_atomically

WEIGHTS = "model.safetensors"
RECIPE = "recipe.yaml"
CORPUS = "corpus.json"
METRICS = "metrics.json"
CARD = "card.md"
# In the order in which they are written: a folder without weights is not yet a model.
FILES = (RECIPE, CORPUS, METRICS, CARD, WEIGHTS)
RUN_FILE = "unfinished_run"
"""There from the start of a training to its end: names the MLflow run to continue."""


@dataclass(frozen=True)
class ModelFiles:
    """The contents of a model folder, weights aside.

    Attributes:
        recipe: Resolved recipe.
        corpus: What the model has seen.
        metrics: Plain numbers and strings of the training run; `evaluation` of the last full one.
        card: Markdown for people.
    """

    recipe: Recipe
    corpus: Corpus
    metrics: dict[str, Any]
    card: str

    @property
    def resolved_recipe(self) -> Recipe:
        """The recipe with the features that the weights need, where it says `auto`."""
        data = self.recipe.data.model_copy(update={"features": self.corpus.features})
        return self.recipe.model_copy(update={"data": data})


def find_model(name_or_folder: str | Path) -> Path:
    """The folder of a model given by path, by name under `models/`, or by name under `runs/`.

    Raises:
        ModelFileError: There is no such folder, or it holds a recipe or an unfinished training
            without weights.
    """
    name = str(name_or_folder)
    candidates = [Path(name)]
    if os.sep not in name and ".." not in name:
        candidates += [paths.shipped_models() / name, paths.runs() / name]
    try:
        folders = [folder for folder in candidates if (folder / RECIPE).is_file()]
        unfinished = [folder for folder in candidates if (folder / RUN_FILE).is_file()]
    except OSError:  # a name too long for the file system, or a folder not to be looked into
        folders, unfinished = [], []
    for folder in folders:
        if (folder / WEIGHTS).is_file():
            return folder
    for folder in unfinished:
        require_finished(folder)
    if folders:
        folder = folders[0]
        recipe = folder.name if is_shipped(folder) else folder
        raise ModelFileError(
            f"{folder} has a recipe but no {WEIGHTS}: expected a trained model. Train it with "
            f"`forecasting train --recipe {recipe}`."
        )
    raise ModelFileError(
        f"no model {name!r}: expected a folder with {RECIPE} and {WEIGHTS}, or a name listed by "
        "`forecasting models`. Make one with `forecasting train`."
    )


def require_finished(folder: Path) -> None:
    """Refuse the folder of a training that was interrupted.

    Raises:
        ModelFileError: It was.
    """
    if (folder / RUN_FILE).is_file():
        raise ModelFileError(
            f"the training in {folder} is unfinished: expected a whole model. Give its "
            "`forecasting train` again, with --resume."
        )


def write_folder(folder: Path, files: ModelFiles, weights: dict[str, Tensor]) -> None:
    """Write a model folder; a crash leaves the old model, the new one or none, never a mixture.

    Other files in the folder stay as they are.
    """
    plain = {name: value.detach().contiguous() for name, value in weights.items()}
    contents = {
        RECIPE: files.recipe.to_yaml().encode(),
        CORPUS: files.corpus.model_dump_json(indent=1).encode(),
        METRICS: json.dumps(files.metrics, indent=1).encode(),
        CARD: files.card.encode(),
        WEIGHTS: save(plain),
    }
    replace_files(folder, contents)


def replace_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put a model's files in place of those of another, all written before the first is replaced.

    Args:
        folder: Made if it is not there; files of other names stay as they are.
        contents: Name to content, the weights last: a folder without weights is not yet a model.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in contents.items():
            (partial / name).write_bytes(content)
        folder.mkdir(exist_ok=True)
        # New settings must never meet old weights.
        (folder / WEIGHTS).unlink(missing_ok=True)
        for name in contents:
            os.replace(partial / name, folder / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def rewrite_card(folder: Path, metrics: dict[str, Any], card: str) -> None:
    """Replace what a folder says of its model; recipe, corpus and weights stay as they are.

    Raises:
        OSError: The folder cannot be written to; the old files are still there.
    """
    content = json.dumps(metrics, indent=1, allow_nan=False)
    write_atomically(folder / METRICS, content.encode())
    write_atomically(folder / CARD, card.encode())


def read_folder(folder: Path) -> ModelFiles:
    """Read everything but the weights.

    Raises:
        ModelFileError: A file is missing or damaged.
        ConfigError: The recipe is not valid.
    """
    recipe = load_recipe(folder / RECIPE)
    corpus = _parsed(folder / CORPUS, Corpus)
    metrics = _parsed(folder / METRICS, dict[str, Any])
    return ModelFiles(recipe, corpus, metrics, _text(folder / CARD))


def read_weights(folder: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Read the weights after checking names, shapes and types against the network's own.

    Args:
        folder: Model folder.
        expected: State of a freshly built network of the folder's recipe.

    Raises:
        ModelFileError: The file is missing, truncated, or of another shape than the recipe says.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelFileError(f"{path} is missing: expected the weights. Train the model again.")
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _require_shapes(path, found, {k: tuple(v.shape) for k, v in expected.items()})
            weights = {name: file.get_tensor(name) for name in found}
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{path} cannot be read ({error}): expected a whole safetensors file. Copy it "
            "again, or train the model again."
        ) from error
    for name, value in weights.items():
        if value.dtype != expected[name].dtype or not bool(torch.isfinite(value).all()):
            raise ModelFileError(
                f"{path}: {name} is {value.dtype} or not finite: expected finite "
                f"{expected[name].dtype}. Train the model again."
            )
    return weights


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names and values of a network's state: which weights a result is of."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


def _require_shapes(path: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise ModelFileError(
                f"{path}: {name} has shape {found.get(name, 'none')}, expected "
                f"{expected.get(name, 'none')} by {RECIPE}. These weights belong to another recipe."
            )


def _parsed(path: Path, kind: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_json(_text(path))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        raise ModelFileError(
            f"{path} is damaged ({where}: {problem['msg']}): expected the file that training "
            "wrote. Train the model again, or restore the folder."
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"{path} cannot be read: expected a file of the model folder. Train the model again."
        ) from error
