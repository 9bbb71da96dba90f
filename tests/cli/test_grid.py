"""What the command line prints and writes of a sweep."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from backtest.markets import make_forecast, noise_forecast, random_walk

from forecasting.backtest.sweep.result import Sweep
from forecasting.backtest.sweep.sweep import sweep
from forecasting.cli.grid import parse_grid, print_sweep, table_of, write_sweep
from forecasting.errors import ConfigError

PANEL = random_walk(120, 6, seed=1)


@pytest.fixture(scope="module")
def made() -> Sweep:
    grid = parse_grid(["top_k=1,2,3 no_trade_band=none,200", "cost_bps=0,7.5"])
    return sweep(noise_forecast(PANEL, 2), PANEL, grid)


def test_the_best_are_shown_first(made: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    print_sweep(made)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("12 configurations of long_short on forecasts of test forecaster")
    at = next(k for k, line in enumerate(lines) if line.startswith("top_k"))
    shown = lines[at + 1 : at + 11]
    column = lines[at].split().index("Sharpe")
    sharpes = [float(line.split()[column]) for line in shown]
    assert sharpes == sorted(sharpes, reverse=True)
    assert sharpes[0] == pytest.approx(made.best_sharpe, abs=0.006)
    said = " ".join(" ".join(lines).split())
    for words in (
        made.luck.verdict,
        "deflated Sharpe",
        "Best among those at cost_bps=0",
        "are assumptions, no choices",
        "Shown: 10 of 12 rows",
        "have a net Sharpe above zero",
        "Survivorship",
        "filled at the open of bar t+1",
        "Where the grid does not say otherwise: Each trade pays 5 bps commission",
        "Grid: top_k=1,2,3 no_trade_band=none,200 cost_bps=0,7.5.",
    ):
        assert words in said


def test_table_and_heat_map_are_written(
    made: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plot = tmp_path / "all.csv", tmp_path / "map.png"
    parse_grid(["top_k=1"], out, plot)
    write_sweep(made, out, plot)
    table = pd.read_csv(out)
    assert list(table.columns) == list(made.table.columns)
    np.testing.assert_allclose(table["sharpe"], made.table["sharpe"])
    assert plot.read_bytes().startswith(b"\x89PNG")
    print_sweep(made, out)
    assert f"The whole table, 12 rows: {out}." in " ".join(capsys.readouterr().out.split())


def test_nobody_trades(capsys: pytest.CaptureFixture[str]) -> None:
    forecast = make_forecast(PANEL, np.zeros(PANEL.mask.shape))
    print_sweep(sweep(forecast, PANEL, parse_grid(["top_k=1,2"])))
    assert "No configuration traded" in capsys.readouterr().out


def test_strategies_of_the_grid_are_named_instead_of_the_one_it_replaces(
    capsys: pytest.CaptureFixture[str],
) -> None:
    forecast = noise_forecast(PANEL, 2)
    print_sweep(sweep(forecast, PANEL, parse_grid(["strategy=long_only,reversal"])))
    print_sweep(sweep(forecast, PANEL, parse_grid(["strategy=kelly"])))
    said = capsys.readouterr().out
    assert "2 configurations of long_only, reversal on" in said
    assert "1 configuration of kelly on" in said


def test_numbers_that_are_not_there_are_dashes(made: Sweep) -> None:
    forecast = make_forecast(PANEL, np.zeros(PANEL.mask.shape))
    _, rows = table_of(sweep(forecast, PANEL, parse_grid(["top_k=1"])), 5)
    assert rows[0][3] == "-"
    heads, rows = table_of(made, 12)
    assert {row[heads.index("no_trade_band")] for row in rows} == {"none", "200"}


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is a folder"):
        parse_grid(["top_k=1"], tmp_path)
    (tmp_path / "heat.png").mkdir()
    with pytest.raises(ConfigError, match="the figure"):
        parse_grid(["top_k=1"], None, tmp_path / "heat.png")
