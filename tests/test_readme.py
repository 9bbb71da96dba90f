"""What the README shows has to work."""

import re
from pathlib import Path

import pytest

import forecasting as fc

README = (Path(__file__).parent.parent / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_every_public_name_shown_exists():
    shown = {name for block in PYTHON for name in re.findall(r"\bfc\.(\w+)", block)}
    assert {"load", "train", "evaluate", "backtest", "report"} <= shown
    assert all(callable(getattr(fc, name)) for name in shown)


def test_the_strategy_shown_can_be_backtested(model_folder, prices, tmp_path):
    (source,) = [block for block in PYTHON if "def weights" in block]
    file = tmp_path / "momentum_of_doubt.py"
    file.write_text(source)
    model = fc.load_model(model_folder)
    book = fc.backtest(model, prices, strategy=str(file), horizon=21, track=False)
    assert book.stats.loc[book.strategy, "gross_exposure"] > 0


VERBS = README.partition("| verb |")[2].partition("\n\n")[0]


@pytest.mark.parametrize("verb", re.findall(r"^\| `([\w-]+)` \|", VERBS, flags=re.MULTILINE))
def test_every_verb_shown_exists(verb, capsys):
    from forecasting.cli import main

    with pytest.raises(SystemExit) as stopped:
        main([verb, "--help"])
    assert stopped.value.code == 0
    assert "Usage" in capsys.readouterr().out


def test_every_file_to_read_first_exists():
    named = re.search(r"Read these five first: (.*?)\.\n", README, flags=re.DOTALL)
    package = Path(fc.__file__).parent
    assert all((package / name).is_file() for name in re.findall(r"`(.+?)`", named[1]))
