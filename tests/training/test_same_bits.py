"""What `make pretrain` promises: two processes that train the same recipe write the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FASTEST

from forecasting.forecaster.model_folder import CORPUS, RECIPE, WEIGHTS


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    settings = [word for setting in FASTEST for word in ("--set", setting)]
    asked = ("train", "AAPL", "JPM", "XOM", "--recipe", "jamba-tiny", "--no-twin", *settings)
    for name in ("one", "other"):
        command = (sys.executable, "-m", "forecasting", *asked, "--out", str(tmp_path / name))
        environment = os.environ | {"FORECASTING_HOME": str(tmp_path)}
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    for file in (WEIGHTS, CORPUS, RECIPE):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
