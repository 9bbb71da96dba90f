import json
from pathlib import Path

import pytest
from cli.command import USAGE, Command
from conftest import FASTEST

from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.workflow.walk_forward import plan, pool

SETTINGS = [word for setting in FASTEST for word in ("--set", setting)]


@pytest.fixture(autouse=True)
def one_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BASELINES", (EwmaT,))


def asked(price_file: Path, out: Path, *more: object) -> tuple[object, ...]:
    options = ("--prices", price_file, "--start", "0.6", "--refit-every", 150, "--out", out)
    return ("walk-forward", "--recipes", "jamba-tiny,gru-twin", *options, *SETTINGS, *more)


def test_tables_for_people_and_json_for_scripts(
    forecasting: Command,
    price_file: Path,
    trained_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Interrupted, then resumed, then asked again; nothing is trained twice."""
    out, run_task, ran = tmp_path / "out", pool.run_task, []

    def interrupted(task, *arguments):
        ran.append(task.name)
        if len(ran) == 4:
            raise KeyboardInterrupt
        return run_task(task, *arguments)

    monkeypatch.setattr(pool, "run_task", interrupted)
    stopped = forecasting(*asked(price_file, out, "--seeds", 1))
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err == "stopped: 3 of 6 fits are finished. Go on with --resume.\n"
    done = forecasting(*asked(price_file, out, "--seeds", 1, "--resume"))
    assert (done.code, done.err) == (0, "")
    assert len(ran) == 7
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("jamba-tiny, gru-twin: 2 folds, 1 seed each, 4 tickers, 2011-05-")
    heads = "fold tested from to train validate test tickers gain chosen"
    assert " ".join(lines[3].split() if not lines[2] else lines[2].split()) == heads
    for horizon in ("1 bar ahead", "5 bars ahead", "21 bars ahead"):
        at = lines.index(horizon)
        names = [line.split()[0] for line in lines[at + 2 : at + 6]]
        assert names == ["jamba-tiny", "gru-twin", "chosen", "EWMA-t"]
    spoken = " ".join(done.out.split())
    for words in ("refitted every 150 bars", "Survivorship: no membership", "One seed:", "Proof:"):
        assert spoken.count(words) == 1
    assert spoken.count(", against all baselines: ") == 3
    again = forecasting(*asked(price_file, out, "--seeds", 1, "--resume", "--json"))
    assert (again.code, again.err, len(ran)) == (0, "", 7)
    printed = json.loads(again.out)
    assert printed["recipes"] == ["jamba-tiny", "gru-twin"]
    assert printed["settings"]["refit_every"] == 150
    assert [row["fold"] for row in printed["folds"]] == [0, 1]
    assert "already holds a fold" in forecasting(*asked(price_file, out)).error
    chosen = ("--recipe", "gru-twin", "--seed", 0, "--no-track", "--json")
    traded = forecasting("backtest", out, "AAA", "BBB", "--prices", price_file, *chosen)
    book = json.loads(traded.out)
    assert (book["forecaster"], book["start"]) == ("gru-twin, seed 0", "2011-05-23")
    assert any("refitted every 150 bars, 2 folds" in note for note in book["notes"])
    today = forecasting("backtest", out, "--prices", price_file, "--today")
    assert "--today needs one model" in today.error
    page, grid = tmp_path / "page.html", ("--grid", "horizon=1,5", "rebalance_every=1,5")
    choice = ("--strategy", "volatility_target", "--choose-in-folds", "--report", page)
    switched = forecasting("backtest", out, "--prices", price_file, *grid, *choice)
    assert (switched.code, switched.err) == (0, "")
    said = " ".join(switched.out.split())
    assert "volatility_target chosen in folds (from 2011-05-23 as given" in said
    assert "Chosen inside folds, among 4 configurations by net Sharpe" in said
    assert switched.out.endswith(f"report: {page}\n")
    assert "chosen in folds" in page.read_text()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--start", "2031-01-01"), "the walk-forward starts on 2031-01-01: expected a day after"),
        (("--start", "0.98"), "the test span has 12 bars"),
        (("--start", "0.15"), "has no training data to speak of"),
        (("--window", "rolling", "--window-bars", 500), "expected 500 bars before it"),
        (("--window", "rolling", "--window-bars", 24), "fold 0 has a window of 24 bars"),
        (("--validation", "359"), "fold 0 has no train"),
        (("--recipes", "gru-twin,gru-twin"), "two forecasters are called 'gru-twin'"),
        (("--set", "training.max_step=1"), "did you mean 'max_steps'?"),
    ],
)
def test_walks_that_cannot_be(
    more: tuple[object, ...],
    expected: str,
    forecasting: Command,
    price_file: Path,
    tmp_path: Path,
) -> None:
    assert expected in forecasting(*asked(price_file, tmp_path / "out", *more)).error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--refit-every", 0),
        ("--start", "soon"),
        ("--start", "1.5"),
        ("--validation", "0"),
        ("--validation", "most"),
        ("--validation", "1.5"),
        ("--window", "rolling"),
        ("--window-bars", 300),
        ("--workers", 0),
        ("--seeds", 0),
    ],
)
def test_wrong_usage(
    wrong: tuple[object, ...], forecasting: Command, price_file: Path, tmp_path: Path
) -> None:
    assert forecasting(*asked(price_file, tmp_path / "out", *wrong)).code == USAGE
