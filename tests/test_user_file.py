"""A user's Python file is run once, and what is wrong with it is one line."""

from pathlib import Path

import pytest

from forecasting.config.user_file import load_function
from forecasting.errors import ConfigError

SIGNATURE = "features(panel)"


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_function_comes_with_its_file(tmp_path):
    path = written(tmp_path, "FACTOR = 2\ndef features(panel):\n    return FACTOR * panel\n")
    function = load_function(path, "features", SIGNATURE)
    assert function(3) == 6
    assert function.__globals__["FACTOR"] == 2
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def features(:", "does not run: SyntaxError"),
        ("import sys; sys.exit(3)", "does not run: SystemExit"),
        ("1 / 0", "does not run: ZeroDivisionError"),
        ("x = 1", "has no function features"),
        ("features = 3", "has no function features"),
        ("def features(): return 1", "has no function features"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load_function(written(tmp_path, text), "features", SIGNATURE)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match="no features file"):
        load_function(tmp_path / "absent.py", "features", SIGNATURE)
    with pytest.raises(ConfigError, match=r"ends in \.py"):
        load_function(written(tmp_path, "x = 1", "notes.txt"), "features", SIGNATURE)
