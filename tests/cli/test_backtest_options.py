"""The options of `forecasting backtest`: their defaults, their help, which go together."""

import inspect
from dataclasses import asdict
from pathlib import Path

import pytest
import typer
from cli.command import USAGE, Command

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.costs import Costs
from forecasting.cli.backtest import backtest
from forecasting.cli.help_panels import PanelledCommand


def test_defaults_are_those_of_the_account() -> None:
    shown = {name: each.default for name, each in inspect.signature(backtest).parameters.items()}
    costs = asdict(Costs())
    costs["cost_bps"] = costs.pop("commission_bps")
    account = {name: value for name, value in asdict(AccountTerms()).items() if name in shown}
    assert len(account) == 8
    for name, value in (costs | account).items():
        assert shown[name] == value


def test_help_has_a_panel_for_costs_and_account(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command(cls=PanelledCommand)(backtest)
    with pytest.raises(SystemExit):
        app(args=["--help"])
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == ["Arguments:", "Options:", "Sweep:", "Paper trading:", "Costs:", "Account:"]
    assert lines.index("Costs:") < next(k for k, line in enumerate(lines) if "--cost-bps" in line)


@pytest.mark.parametrize(
    "options",
    [
        ("--today", "--report", "page.html"),
        ("--today", "--grid", "top_k=1,2"),
        ("--today", "--in-sample"),
        ("--today", "--open-holdout"),
        ("--today", "--seed", "0"),
        ("--today", "--recipe", "chosen"),
        ("--today", "--start", "2012-01-02"),
        ("--grid", "top_k=1,2", "--report", "page.html"),
        ("--grid", "top_k=1,2", "--open-holdout"),
        ("--choose-in-folds",),
        ("--choose-in-folds", "--grid", "top_k=1,2", "--out", "table.csv"),
        ("--choose-in-folds", "--grid", "top_k=1,2", "--in-sample"),
        ("--choose-in-folds", "--grid", "top_k=1,2", "--today"),
        ("--out", "table.csv"),
        ("--cash", "5"),
        ("--positions", "held.csv"),
        ("--spread", "wide"),
        ("--impact", "-1"),
        ("--participation-cap", "2"),
    ],
)
def test_options_that_do_not_go_together(
    options: tuple[str, ...], forecasting: Command, model_folder: Path
) -> None:
    assert forecasting("backtest", model_folder, "--no-track", *options).code == USAGE
