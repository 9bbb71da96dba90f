"""Where a training stands on disk: a folder of its own, and checkpoints that only it continues."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from forecasting.config import Recipe
from forecasting.errors import ConfigError, ModelFileError
from forecasting.forecaster.corpus import Parent
from forecasting.forecaster.model_folder import FILES, RUN_FILE
from forecasting.forecaster.shipped import is_shipped

TWIN_FOLDER = "twin"
CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"
IDENTITY = "identity.json"

Lineage = tuple[Parent, ...]


def require_free(folder: Path, *, overwrite: bool, origin: Path | None = None) -> None:
    """Refuse a folder in which training would destroy something.

    Args:
        folder: Where to write.
        overwrite: Whether a model or an interrupted training that is there may go.
        origin: Folder of the model to start from, which may not.

    Raises:
        ConfigError: There is something.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: expected a folder to write. Choose another --out.")
    if is_shipped(folder):
        raise ConfigError(
            f"{folder} comes with the package: expected a folder of your own to write. Choose "
            "another --out, such as one below runs/; `forecasting publish` copies a model here."
        )
    if origin is not None and origin.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"{folder} holds the model to start from: expected another folder to write. Choose "
            "another --out."
        )
    if overwrite:
        return
    taken = [name for name in (*reversed(FILES), TWIN_FOLDER) if (folder / name).exists()]
    begun = bool(taken) or any((folder / CHECKPOINTS).rglob(LAST))
    if begun and interrupted_run(folder) is not None:
        raise ConfigError(
            f"{folder} holds a training that was interrupted: expected --resume to continue it, or "
            "--overwrite to start over."
        )
    if taken:
        raise ConfigError(
            f"{folder} already holds a model ({taken[0]}): expected a new folder. Choose another "
            "--out, or pass --overwrite."
        )


def claim(folder: Path, run_id: str, *, resume: bool) -> None:
    """Mark a folder as being trained in, emptied of what an earlier training left."""
    if not resume:
        for name in (*reversed(FILES), RUN_FILE):
            (folder / name).unlink(missing_ok=True)
        for name in (TWIN_FOLDER, CHECKPOINTS):
            shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN_FILE).write_text(run_id, encoding="utf-8")


def release(folder: Path) -> None:
    """Take the mark off a folder: the training in it is finished."""
    (folder / RUN_FILE).unlink()


def interrupted_run(folder: Path) -> str | None:
    """MLflow id of the run that was interrupted in this folder."""
    note = folder / RUN_FILE
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def find_checkpoint(
    folder: Path, recipe: Recipe, vintage: str, lineage: Lineage = ()
) -> Path | None:
    """The checkpoint from which a training continues; None if it has not made one yet.

    Args:
        folder: Folder of checkpoints.
        recipe: Recipe of the training.
        vintage: Hash of its prices.
        lineage: The pre-trained models that it started from.

    Raises:
        ConfigError: The checkpoints are of another recipe, of other prices, of another start, or
            were moved here.
        ModelFileError: A file is damaged.
    """
    last, note = folder / LAST, folder / IDENTITY
    if not last.is_file():
        return None
    try:
        identity = json.loads(note.read_text(encoding="utf-8"))
        torch.load(last, map_location="cpu", weights_only=True)
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelFileError(
            f"the checkpoint in {folder} cannot be read: expected a whole {LAST} and {IDENTITY}. "
            "Train again with --overwrite instead of --resume."
        ) from error
    if identity != _identity(folder, recipe, vintage, lineage):
        raise ConfigError(
            f"{folder} holds checkpoints of another recipe, of other prices, of another --from or "
            "--tune, or of another folder: expected the same to resume. Train with --overwrite "
            "instead of --resume, or with the first settings."
        )
    return last


def begin(folder: Path, recipe: Recipe, vintage: str, lineage: Lineage = ()) -> None:
    """Make an empty folder for the checkpoints of a new training."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = json.dumps(_identity(folder, recipe, vintage, lineage))
    (folder / IDENTITY).write_text(text, encoding="utf-8")


def _identity(folder: Path, recipe: Recipe, vintage: str, lineage: Lineage) -> dict[str, Any]:
    # A checkpoint names its best weights by absolute path, so a moved one would lose them.
    return {
        "recipe": recipe.model_dump(mode="json"),
        "vintage": vintage,
        "lineage": [parent.model_dump(mode="json") for parent in lineage],
        "folder": str(folder.resolve()),
    }
