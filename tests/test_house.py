"""The rules of the house that no linter knows."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "forecasting"
FILES = sorted(PACKAGE.rglob("*.py"))


def names(files: list[Path]) -> list[str]:
    return [str(file.relative_to(PACKAGE)) for file in files]


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_file_imports_no_room_it_lives_in(file: Path) -> None:
    room = ".".join(("forecasting", *file.relative_to(PACKAGE).parts[:-1]))
    if file.name == "__init__.py" or room == "forecasting":
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == room:
            siblings = {path.stem for path in file.parent.glob("*.py")}
            named = {alias.name for alias in node.names}
            assert named <= siblings, f"line {node.lineno}: import the sibling file"


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_file_is_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 260


def test_postponed_annotations_stay_out() -> None:
    """They would hide shapes from the run-time checks."""
    offenders = [file for file in FILES if "from __future__ import annotations" in file.read_text()]
    assert not offenders


def test_no_python_among_the_things() -> None:
    root = PACKAGE.parent
    assert not [*root.glob("data/**/*.py"), *root.glob("models/**/*.py")]
