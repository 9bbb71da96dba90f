import importlib
import subprocess
import sys

import pytest
from cli.command import USAGE, Command

import forecasting as fc
from forecasting import paths
from forecasting.cli import app
from forecasting.workflow import backtesting, judging

VERBS = ("fetch", "train", "evaluate", "forecast", "backtest", "report", "compare", "models")
VERBS += ("rerun", "features", "audit", "trials", "walk-forward", "publish")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120)


def test_help_names_every_verb(forecasting: Command) -> None:
    shown = forecasting("--help")
    assert shown.code == 0
    for verb in VERBS:
        assert f"\n  {verb} " in shown.out


def test_version(forecasting: Command) -> None:
    assert forecasting("--version").out == f"{fc.__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_fits_a_terminal(verb: str, forecasting: Command) -> None:
    shown = forecasting(verb, "--help")
    assert shown.code == 0
    assert "--json" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


@pytest.mark.parametrize(
    "arguments",
    [(), ("frobnicate",), ("evaluate",), ("forecast", "m", "--frob"), ("train", "--seed", "x")],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], forecasting: Command) -> None:
    ended = forecasting(*arguments)
    assert ended.code == USAGE
    assert "Usage: forecasting" in ended.out + ended.err


def test_error_of_the_outside_world_is_one_line(
    forecasting: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk() -> None:
        raise OSError(28, "No space left on device", "/data/model")

    monkeypatch.setattr(paths, "shipped_models", full_disk)
    assert "/data/model: No space left on device. Check" in forecasting("models").error


def test_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(paths, "shipped_models", broken)
    with pytest.raises(ZeroDivisionError):
        app.main(["models"])


def test_module_is_the_command() -> None:
    shown = python("-m", "forecasting", "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage: forecasting ")
    wrong = python("-m", "forecasting", "frobnicate")
    assert (wrong.returncode, wrong.stdout) == (USAGE, "")


def test_import_and_help_load_nothing_heavy() -> None:
    heavy = "{'torch', 'pandas', 'numpy', 'mlflow', 'matplotlib', 'lightning', 'sklearn'}"
    for module in ("forecasting", "forecasting.cli"):
        seen = python("-c", f"import sys, {module}; print({heavy} & sys.modules.keys())")
        assert (seen.stdout, seen.stderr) == ("set()\n", "")


def test_public_face() -> None:
    assert dir(fc) == sorted(fc.__all__)
    for name in fc.__all__:
        assert getattr(fc, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        _ = fc.frobnicate


def test_rooms_do_not_hide_verbs() -> None:
    room = importlib.import_module("forecasting.backtest")
    assert importlib.import_module("forecasting.backtest.book")
    assert importlib.import_module("forecasting.report.report")
    # What the import system does to the package when a room is imported.
    fc.backtest = room
    assert fc.backtest is backtesting.backtest
    assert fc.report is judging.report
