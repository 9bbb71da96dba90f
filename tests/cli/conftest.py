"""The command line in this process, and a file of the tiny model's prices."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from cli.command import Command, Outcome
from conftest import make_frames

from forecasting.cli import main


@pytest.fixture
def forecasting(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line."""

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def price_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prices of the tiny model as one long CSV file."""
    frames = [frame.assign(ticker=ticker) for ticker, frame in make_frames().items()]
    path = tmp_path_factory.mktemp("prices") / "long.csv"
    pd.concat(frames).to_csv(path, index_label="date")
    return path


@pytest.fixture
def own_home(untouched_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home of the tiny model and its MLflow store, to be changed."""
    home = shutil.copytree(untouched_home, tmp_path / "own")
    monkeypatch.setenv("FORECASTING_HOME", str(home))
    return home


@pytest.fixture
def trained_home(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder with the MLflow store that the tiny model was tracked in."""
    monkeypatch.setenv("FORECASTING_HOME", str(model_folder.parent))
    return model_folder.parent
