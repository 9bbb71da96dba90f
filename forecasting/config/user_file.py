"""Python files that a user wrote: run once, with all rights of this program, asked for a function.

Only name one that you trust.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from forecasting.errors import ConfigError


def run_file(path: Path, what: str) -> ModuleType:
    """Run a user's file.

    Args:
        path: Python file.
        what: What it is, for messages: `strategy`, `features`.

    Raises:
        ConfigError: No such file, or one that does not run.
    """
    if not path.is_file():
        raise ConfigError(f"no {what} file {path}: expected a Python file. Check the path.")
    spec = importlib.util.spec_from_file_location(f"{what}_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(
            f"{what} file {path} is no Python file: expected a name that ends in .py. Rename it."
        )
    module = importlib.util.module_from_spec(spec)
    writes_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{what} file {path} does not run: {in_words(error)}. Correct it."
        ) from error
    finally:
        sys.dont_write_bytecode = writes_no_bytecode
    return module


def load_function(path: Path, what: str, signature: str) -> Callable[..., Any]:
    """The function that a user's file has to have.

    Args:
        path: Python file.
        what: As in `run_file`.
        signature: Name and arguments, such as `weights(forecast, **parameters)`.

    Raises:
        ConfigError: As `run_file`, or it has no such function with at least one argument.
    """
    function = getattr(run_file(path, what), signature.partition("(")[0], None)
    if not inspect.isfunction(function) or not inspect.signature(function).parameters:
        raise ConfigError(f"{what} file {path} has no function {signature}. Add it.")
    return function


def in_words(error: BaseException) -> str:
    """An exception of a user's code in one line."""
    return f"{type(error).__name__}: {error}"
