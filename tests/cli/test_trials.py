import json
from pathlib import Path

import pytest
from cli.command import USAGE, Command

from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import open_trial


@pytest.fixture
def looked(own_home: Path, prices: Panel) -> None:
    """Two looks at 2011, one that failed in 2012."""
    for seed in (0, 1):
        with open_trial(
            "evaluate", "evaluate it", {"seed": seed}, prices, "2011-01-03", "2011-12-30"
        ) as trial:
            trial.log_scores({"gain_h1": 0.012 * seed, "nll_h1": 1.0})
    with (
        pytest.raises(ZeroDivisionError),
        open_trial("backtest", "long_short", {}, prices, "2012-01-03", tickers=["AAA"]),
    ):
        _ = 1 / 0


def test_looks_are_listed(forecasting: Command, looked: None) -> None:
    done = forecasting("trials")
    assert (done.code, done.err) == (0, "")
    heads, *lines = done.out.splitlines()
    assert heads.split()[:5] == ["day", "look", "from", "to", "tickers"]
    assert [line.split()[1] for line in lines[:3]] == ["evaluate", "evaluate", "backtest"]
    assert " +0.012" in lines[1]
    assert lines[2].endswith("FAILED")
    said = " ".join(done.out.split())
    assert "3 configurations have been tried on bars of this span (3 looks, 1 failed)." in said


def test_of_some_tickers_and_dates(forecasting: Command, looked: None) -> None:
    def names(*asked: str) -> list[str]:
        printed = json.loads(forecasting("trials", *asked, "--json").out)
        return [row["name"] for row in printed["trials"]]

    assert len(names()) == 3
    assert names("AAA", "--start", "2012-02-01") == ["long_short"]
    assert names("BBB", "--start", "2012-02-01") == []
    assert names("BBB", "--end", "2011-01-03") == ["evaluate it"] * 2


def test_nothing_yet(forecasting: Command, tmp_path: Path) -> None:
    done = forecasting("trials")
    assert done.code == 0
    assert "no configuration has been tried" in done.out
    assert not list(tmp_path.iterdir())


def test_dates_that_are_none(forecasting: Command) -> None:
    assert forecasting("trials", "--start", "soon").code == USAGE
    crossed = forecasting("trials", "--start", "2012-01-02", "--end", "2011-01-03")
    assert "expected start <= end" in crossed.error
