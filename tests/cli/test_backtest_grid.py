"""`forecasting backtest --grid`: the command as a whole, and what Ctrl-C leaves behind."""

from pathlib import Path

import pytest
from cli.command import Command

from forecasting.training.trial_ledger import trials
from forecasting.workflow import sweep as sweep_module


def test_a_grid_goes_on_behind_its_option(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    files = ("--out", tmp_path / "table.csv", "--plot", tmp_path / "map.png")
    asked = ("--prices", price_file, "--no-track", *files)
    grid = ("--grid", "cost_bps=0,5", "top_k=1,2", "AAA", "BBB", "CCC", "DDD")
    done = forecasting("backtest", model_folder, *grid, *asked)
    assert (done.code, done.err) == (0, "")
    assert "4 configurations of long_short on forecasts of jamba-tiny" in done.out
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 5
    assert (tmp_path / "map.png").stat().st_size > 1000
    twice = forecasting("backtest", model_folder, *grid, *asked, "--cost-bps", 7)
    assert "cost_bps is fixed and in the grid" in twice.error


@pytest.mark.parametrize(
    ("track", "said"),
    [
        ("--track", "interrupted: the 2 configurations of the sweep count as tried"),
        ("--no-track", "interrupted: the 2 configurations of the sweep were not counted"),
    ],
)
def test_an_interrupted_sweep_says_what_it_counted(
    track: str,
    said: str,
    forecasting: Command,
    own_home: Path,
    price_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep_module, "trade", interrupt)
    asked = ("--prices", price_file, "--grid", "top_k=1,2", track)
    done = forecasting("backtest", own_home / "model", *asked)
    assert (done.code, done.out) == (130, "")
    assert done.err == f"{said}, no result was kept.\n"
    assert trials().cut_off == (2 if track == "--track" else 0)
