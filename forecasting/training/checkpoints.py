"""Where a training stands on disk: checkpoints that only the same training may continue."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from forecasting.config import Recipe
from forecasting.errors import ConfigError, ModelFileError

LAST = "last.ckpt"
IDENTITY = "identity.json"


def find_checkpoint(folder: Path, recipe: Recipe, vintage: str) -> Path | None:
    """The checkpoint from which a training continues; None if it has not made one yet.

    Args:
        folder: Folder of checkpoints.
        recipe: Recipe of the training.
        vintage: Hash of its prices.

    Raises:
        ConfigError: The checkpoints are of another recipe, of other prices, or were moved here.
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
            "Train again without --resume."
        ) from error
    if identity != _identity(folder, recipe, vintage):
        raise ConfigError(
            f"{folder} holds checkpoints of another recipe, of other prices or of another folder: "
            "expected the same to resume. Train without --resume, or with the first settings."
        )
    return last


def begin(folder: Path, recipe: Recipe, vintage: str) -> None:
    """Make an empty folder for the checkpoints of a new training."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = json.dumps(_identity(folder, recipe, vintage))
    (folder / IDENTITY).write_text(text, encoding="utf-8")


def _identity(folder: Path, recipe: Recipe, vintage: str) -> dict[str, Any]:
    # A checkpoint names its best weights by absolute path, so a moved one would lose them.
    return {
        "recipe": recipe.model_dump(mode="json"),
        "vintage": vintage,
        "folder": str(folder.resolve()),
    }
