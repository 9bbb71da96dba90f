"""Reading recipes: from YAML, with overrides, and with words for what is wrong with them.

Unknown keys are refused with the nearest known one; overrides (`--set training.max_steps=100`)
pass through the same checks.
"""

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from forecasting import paths
from forecasting.config.recipe import Recipe
from forecasting.errors import ConfigError

# What pydantic's own words would leave a reader guessing about.
_WORDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "tuple_type": "expected a list, such as [1, 2]",
    "dict_type": "expected keys and values, such as {key: 1}",
    "string_pattern_mismatch": "expected lower-case letters, digits and dashes",
    "missing": "this key is compulsory",
}


def load_recipe(name_or_file: str | Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a recipe by name (below `models/`) or from a file, and apply overrides.

    Args:
        name_or_file: `jamba-tiny`, or a path to a YAML file or to a folder with a `recipe.yaml`.
        overrides: `section.key=value` strings, value in YAML.

    Raises:
        ConfigError: No such recipe, no valid YAML, an unknown key, or a value out of range.
    """
    path = _find(str(name_or_file))
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2020-13-01
        raise ConfigError(f"{path} is not valid YAML: {error}. Correct the file.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}). Check the path.") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} holds no settings: expected `name:` and sections. See models/.")
    for override in overrides:
        _apply(tree, override)
    return recipe_from_tree(tree, str(path), overrides)


def recipe_from_tree(tree: dict[str, Any], where: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """Validate a parsed recipe.

    Args:
        tree: The recipe, overrides applied.
        where: It comes from, for messages.
        overrides: `section.key=value` strings that changed it, for messages.

    Raises:
        ConfigError: Names the key, what came, and the nearest known key or the range.
    """
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"recipe {where}: {_explain(error, overrides)}") from error


def _find(name: str) -> Path:
    for path in (
        Path(name),
        Path(name) / "recipe.yaml",
        paths.shipped_models() / name / "recipe.yaml",
    ):
        if path.is_file():
            return path
    known = sorted(folder.parent.name for folder in paths.shipped_models().glob("*/recipe.yaml"))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"no recipe {name!r}: expected a YAML file or one of {', '.join(known)}.{hint}"
    )


def _apply(tree: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"override {override!r}: expected section.key=value.")
    *sections, leaf = key.strip().split(".")
    node = tree
    for section in sections:
        if node.get(section) is None:  # such as `distillation: null`
            node[section] = {}
        node = node[section]
        if not isinstance(node, dict):
            raise ConfigError(f"override {override!r}: {section} is a value, not a section.")
    try:
        node[leaf] = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"override {override!r}: the value is not valid YAML.") from error


def _explain(error: ValidationError, overrides: tuple[str, ...]) -> str:
    """The first problem of a validation error, in one sentence with a way out."""
    problem = error.errors()[0]
    location = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        known = list(_section(location[:-1]).model_fields)
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}."
        return f"unknown key {'.'.join(location)}: {hint}"
    where, way_out = _place(problem["loc"]), _way_out(problem, overrides)
    if problem["type"] == "missing" or not _is_leaf(problem["input"]):
        return f"{where or 'top level'}: {_in_words(problem)}. {way_out}"
    return f"{where} = {problem['input']!r}: {_in_words(problem)}. {way_out}"


def _in_words(problem: ErrorDetails) -> str:
    """What was expected."""
    if problem["type"] == "model_type":
        [(key, field), *_] = _section(problem["loc"]).model_fields.items()
        return f"expected keys and values, such as {{{key}: {field.default}}}"
    message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return _WORDS.get(problem["type"], message)


def _way_out(problem: ErrorDetails, overrides: tuple[str, ...]) -> str:
    """What to do: where overrides made two settings disagree, the one to set as well."""
    if not overrides:
        return "Correct the recipe."
    changed = [override.partition("=")[0].strip() for override in overrides]
    for setting in problem.get("ctx", {}).get("ways_out", ()):
        if not any(key.startswith(setting.partition("=")[0]) for key in changed):
            return f"Pass --set {shlex.quote(setting)} as well."
    return "Correct the recipe, or what --set makes of it."


def _place(location: Sequence[int | str]) -> str:
    """A setting's name; a value of a list by its number, from 0."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location).removeprefix(".")


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, dict | BaseModel)


def _section(names: Sequence[int | str]) -> type[BaseModel]:
    """The class of a section."""
    model: type[BaseModel] = Recipe
    for name in names:
        annotation = model.model_fields[str(name)].annotation
        # A section that may be left out is a union with None.
        [model] = [each for each in (get_args(annotation) or (annotation,)) if each is not NoneType]
    return model
