import json
from pathlib import Path

import pytest
from cli.command import USAGE, Command
from conftest import FASTEST

from forecasting.cli.options import complete_recipes
from forecasting.evaluation.baselines.registry import BASELINES

SETTINGS = [word for setting in FASTEST for word in ("--set", setting)]


def test_tables_for_people_and_json_for_scripts(
    forecasting: Command, price_file: Path, trained_home: Path, tmp_path: Path
) -> None:
    asked = ("compare", "--recipes", "jamba-tiny, gru-twin", "--prices", price_file, *SETTINGS)
    asked = (*asked, "AAA", "BBB", "CCC", "--out", tmp_path / "out")
    done = forecasting(*asked, "--seeds", 2)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("2 recipes, 2 seeds each: 3 tickers, ")
    heads = ["recipe", "parameters", "active", "KiB", "context", "train/s", "forecast/s"]
    assert lines[2].split() == heads
    for horizon in ("1 bar ahead", "5 bars ahead", "21 bars ahead"):
        at = lines.index(horizon)
        names = [line.split()[0] for line in lines[at + 2 : at + 4 + len(BASELINES)]]
        assert names == ["jamba-tiny", "gru-twin", *(kind.name for kind in BASELINES)]
    at = lines.index("joint forecasts of the seeds")
    assert lines[at + 2].startswith("jamba-tiny ensemble of 2")
    spoken = " ".join(done.out.split())
    assert spoken.count("bar, against all baselines: ") == 1
    assert spoken.count("bars, against all baselines: ") == 2
    for words in (" verdicts at two-sided 5 %", "Survivorship: no membership", "seeds fixed"):
        assert spoken.count(words) == 1
    assert "already holds a training" in forecasting(*asked).error
    again = forecasting(*asked, "--seeds", 1, "--resume", "--json")
    assert (again.code, again.err) == (0, "")
    printed = json.loads(again.out)
    assert printed["recipes"] == ["jamba-tiny", "gru-twin"]
    assert printed["seeds"] == [0]
    assert {row["spread"] for row in printed["gains"]} == {None}


@pytest.mark.parametrize(
    ("recipes", "settings", "expected"),
    [
        ("jamba-tiny,gru-twn", (), "Did you mean 'gru-twin'?"),
        ("gru-twin,gru-twin", (), "two forecasters are called 'gru-twin'"),
        ("gru-twin", ("--set", "training.max_step=1"), "did you mean 'max_steps'?"),
        ("gru-twin", ("--set", "data.test_start=2030-01-01"), "Set data.validation_start"),
    ],
)
def test_recipes_that_cannot_be_compared(
    recipes: str,
    settings: tuple[str, ...],
    expected: str,
    forecasting: Command,
    price_file: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    asked = ("compare", "--recipes", recipes, "--prices", price_file, "--out", out, *settings)
    assert expected in forecasting(*asked).error
    assert not out.exists()


@pytest.mark.parametrize(
    "wrong", [(), ("--recipes", "a,,b"), ("--recipes", ""), ("--recipes", "a", "--seeds", 0)]
)
def test_wrong_usage(wrong: tuple[object, ...], forecasting: Command) -> None:
    assert forecasting("compare", *wrong).code == USAGE


def test_completion_of_a_list_of_recipes() -> None:
    assert complete_recipes("gru-t") == ["gru-twin"]
    assert complete_recipes("jamba-tiny,gru-t") == ["jamba-tiny,gru-twin"]
    assert complete_recipes("gru-twin,gru-t") == []
