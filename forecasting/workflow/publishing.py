"""The verb `publish`: an audited model for others, without what belongs to one machine."""

import json
from itertools import takewhile
from pathlib import Path

from forecasting.config import Recipe, load_recipe
from forecasting.errors import ConfigError, ModelFileError
from forecasting.evaluation.audit.finding import Outcome
from forecasting.forecaster.audit_stamp import AUDIT, AUDIT_TABLE, read_stamp
from forecasting.forecaster.model_folder import (
    CARD,
    CORPUS,
    FILES,
    METRICS,
    RECIPE,
    WEIGHTS,
    ModelFiles,
    find_model,
    replace_files,
    require_finished,
)
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.forecaster.openings import OPENINGS
from forecasting.training.card import with_section

RATIONALE = "Recipe"
"""Title of the card's section with the comment that the recipe begins with."""
_TRIALS = "| trials | "
"""How the card's row begins that says how often the judged span was looked at."""
_OF_THIS_MACHINE = ("mlflow_run_id", "seconds")


def publish(model: str | Path, out: str | Path, *, overwrite: bool = False) -> NetworkForecaster:
    """Copy an audited model to a folder for others; the old model there goes last, all at once.

    Left behind are its MLflow run, the seconds it took and its twin; a log of hold-out openings
    comes along. A recipe that lies in `out` already stays as it is, byte for byte, if it says the
    same; the comment that it begins with goes on the card.

    Args:
        model: Folder or name of a trained model.
        out: Folder to write, empty or with a recipe.
        overwrite: Replace the model in `out`.

    Returns:
        The published model.

    Raises:
        ConfigError: `out` holds a model, another recipe or anything else, or is the model's own.
        ModelFileError: The model is missing, damaged, unfinished or has not passed its audit.
    """
    source, target = find_model(model), Path(out)
    files = load_forecaster(source).files  # which checks the weights, too
    _require_finished(source)
    _require_free(source, target, overwrite=overwrite)
    recipe = _recipe_text(target, files) or (source / RECIPE).read_bytes()
    metrics = {k: v for k, v in files.metrics.items() if k not in _OF_THIS_MACHINE}
    rationale = _comment(recipe.decode())
    card = with_section(files.card, RATIONALE, rationale) if rationale else files.card
    card = card.replace(_TRIALS, f"{_TRIALS}by the ledger of who published it: ")
    kept = [CORPUS, AUDIT, AUDIT_TABLE, *([OPENINGS] if (source / OPENINGS).is_file() else [])]
    replace_files(
        target,
        {
            RECIPE: recipe,
            METRICS: json.dumps(metrics, indent=1).encode(),
            CARD: card.encode(),
            **{name: (source / name).read_bytes() for name in kept},
            WEIGHTS: (source / WEIGHTS).read_bytes(),
        },
    )
    return load_forecaster(target.absolute())


def _require_finished(source: Path) -> None:
    require_finished(source)
    stamp = read_stamp(source)
    if not stamp.startswith(f"LEAK AUDIT: {Outcome.PASSED.value}"):
        raise ModelFileError(
            f"{source} cannot be published ({stamp}): expected a model that has passed. Run "
            f"`forecasting audit {source}` first."
        )
    if not (source / AUDIT_TABLE).is_file():
        raise ModelFileError(
            f"{source} cannot be published (no {AUDIT_TABLE}): expected all that its audit wrote. "
            f"Run `forecasting audit {source}` again."
        )


def _require_free(source: Path, target: Path, *, overwrite: bool) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file: expected a folder to write. Choose another --out.")
    if target.resolve() == source.resolve():
        raise ConfigError(f"{target} is the model itself: expected another folder. Choose one.")
    ours = {*FILES, AUDIT, AUDIT_TABLE} | ({OPENINGS} & {path.name for path in source.iterdir()})
    others = sorted({path.name for path in target.iterdir()} - ours) if target.is_dir() else []
    if others:
        raise ConfigError(
            f"{target} holds {', '.join(others[:3])}: expected nothing but a recipe or a published "
            "model. Choose another --out, or take them away."
        )
    if (target / WEIGHTS).exists() and not overwrite:
        raise ConfigError(
            f"{target} already holds a model: expected a folder without {WEIGHTS}. Choose another "
            "--out, or pass --overwrite."
        )


def _recipe_text(target: Path, files: ModelFiles) -> bytes | None:
    """The recipe that lies in a folder, if it is that of the model; None if there is none."""
    path = target / RECIPE
    if not path.is_file():
        return None
    there = load_recipe(path)
    resolved = ModelFiles(there, files.corpus, {}, "").resolved_recipe
    if there.data.features not in ("auto", files.corpus.features) or (
        resolved != files.resolved_recipe
    ):
        raise ConfigError(
            f"{path} is not the recipe of the model ({_difference(resolved, files)}): expected "
            "equal values. Train that recipe without --set, or choose another --out."
        )
    return path.read_bytes()


def _difference(recipe: Recipe, files: ModelFiles) -> str:
    """The first setting in which a recipe is not the model's."""
    there, own = recipe.model_dump(), files.resolved_recipe.model_dump()
    for section, values in own.items():
        if isinstance(values, dict):
            for key in values.keys() | there[section].keys():
                if values.get(key) != there[section].get(key):
                    return f"{section}.{key} is {there[section].get(key)}, not {values.get(key)}"
        elif values != there[section]:
            return f"{section} is {there[section]}, not {values}"
    return f"data.features is not {files.corpus.features}"


def _comment(recipe: str) -> str:
    """The lines of comment that a recipe begins with."""
    lines = takewhile(lambda line: line.startswith("#"), recipe.splitlines())
    return "\n".join(line.removeprefix("#").strip() for line in lines)
