"""The stamp of a leak audit in a model folder: it counts for these weights and this code only.

`audit.json` holds the audit, and beside it a digest of all that it says. A model whose weights,
recipe, corpus or features are others than those that were audited has not been audited.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from forecasting import __version__
from forecasting.errors import ModelFileError
from forecasting.forecaster.model_folder import CORPUS, WEIGHTS, read_folder
from forecasting.market.atomic_file import write_atomically
from forecasting.market.features import feature_names

AUDIT = "audit.json"
AUDIT_TABLE = "audit.md"
NEVER = "LEAK AUDIT: NOT RUN"

_DIGEST = "digest"


class _Stamp(BaseModel):
    """What a headline needs; the rest of the file is for people and other programs."""

    model_config = ConfigDict(extra="ignore", strict=True)

    headline: str
    when: str
    version: str
    weights: str
    settings: str
    digest: str


def weights_digest(folder: Path) -> str:
    """SHA-256 of a model's weights file.

    Raises:
        ModelFileError: It is not there, or cannot be read.
    """
    return hashlib.sha256(_content(folder / WEIGHTS)).hexdigest()


def settings_digest(folder: Path) -> str:
    """SHA-256 over recipe, corpus and the names of the features, as this version computes them.

    Of the recipe count its values, features resolved: the comment of a shipped one does not.

    Raises:
        ModelFileError: A file is missing or damaged.
        ConfigError: The recipe is not valid.
    """
    files = read_folder(folder)
    # With defaults: where one of them moves, the recipe is another although its text is not.
    recipe = files.resolved_recipe.model_dump_json()
    digest = hashlib.sha256(recipe.encode() + _content(folder / CORPUS))
    digest.update("\x00".join(feature_names(files.corpus.features)).encode())
    return digest.hexdigest()


def write_stamp(folder: Path, audit: Mapping[str, Any], table: str) -> tuple[Path, Path]:
    """Write an audit into a model folder, each file whole or not at all; returns their paths.

    Args:
        folder: Model folder.
        audit: Plain values with `headline`, `when`, `version`, `weights` and `settings`.
        table: The same for people, Markdown.

    Raises:
        OSError: It cannot be written.
    """
    content = {**audit, _DIGEST: _digest_of(audit)}
    paths = folder / AUDIT, folder / AUDIT_TABLE
    write_atomically(paths[1], table.encode())
    write_atomically(paths[0], json.dumps(content, indent=1).encode())
    return paths


def read_stamp(folder: Path | None) -> str:
    """The headline of a model's audit, or why there is none that counts.

    Args:
        folder: Model folder; None of a model that lies nowhere.

    Raises:
        ModelFileError: The model's own files are missing or damaged.
    """
    if folder is None or not (folder / AUDIT).is_file():
        name = "" if folder is None else f" {folder.name}"
        return f"{NEVER} (forecasting audit{name or ' MODEL'})"
    try:
        content = json.loads((folder / AUDIT).read_bytes())
        stamp = _Stamp.model_validate(content)
    except (OSError, ValueError, ValidationError):
        return f"{NEVER} ({AUDIT} is damaged: audit the model again)"
    if stamp.digest != _digest_of({k: v for k, v in content.items() if k != _DIGEST}):
        return f"{NEVER} ({AUDIT} was changed by hand: audit the model again)"
    if stamp.weights != weights_digest(folder):
        return f"{NEVER} (the weights changed since {stamp.when[:10]})"
    if stamp.settings != settings_digest(folder):
        return f"{NEVER} (recipe, corpus or features changed since {stamp.when[:10]})"
    if stamp.version != __version__:
        return f"{NEVER} (audited by version {stamp.version}, this is {__version__})"
    return stamp.headline


def _digest_of(audit: Mapping[str, Any]) -> str:
    canonical = json.dumps(audit, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: expected a file of the model folder. Train the model again."
        ) from error
