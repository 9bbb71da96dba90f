import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from cli.command import USAGE, Command

import forecasting as fc
from forecasting.evaluation.baselines.registry import BASELINES
from forecasting.forecast.significance import Verdict
from forecasting.market.panel import Panel
from forecasting.training.mlflow_store import tracking_uri

RIVALS = ("gru-twin", *(baseline.name for baseline in BASELINES))


def test_tables_for_people(forecasting: Command, model_folder: Path, price_file: Path) -> None:
    done = forecasting("evaluate", model_folder, "--prices", price_file, "--no-track")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    for horizon in ("1 bar ahead", "5 bars ahead", "21 bars ahead"):
        at = lines.index(horizon)
        below = lines[at + 2 : at + 3 + len(RIVALS)]
        assert [line.split()[0] for line in below] == ["jamba-tiny", *RIVALS]
    assert lines[0] == "LEAK AUDIT: NOT RUN (forecasting audit model)"
    assert "- Trial ledger: not counted (--no-track)." in lines
    for words in ("BEATS ", "Survivorship: no membership table", "Protocol: fitted once", "R2 of"):
        assert words in done.out
    assert "IN SAMPLE" not in done.out


def test_json_is_the_evaluation(
    forecasting: Command, model_folder: Path, price_file: Path, prices: Panel
) -> None:
    source = ("--prices", price_file)
    done = forecasting("evaluate", model_folder, *source, "--no-track", "--json")
    assert (done.code, done.err) == (0, "")
    printed = json.loads(done.out)
    expected = fc.evaluate(fc.load_model(model_folder), prices, track=False).to_dict()
    assert printed["verdicts"] == expected["verdicts"]
    assert {row["verdict"] for row in printed["verdicts"]} <= {str(v) for v in Verdict}
    assert printed["n_dates"] == expected["n_dates"]


def test_asked_for_one_ticker_it_still_sees_the_market(
    forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    arguments = ("evaluate", model_folder, "CCC", "--prices", price_file, "--no-track", "--json")
    printed = json.loads(forecasting(*arguments).out)
    assert printed["tickers"] == ["CCC"]
    assert not [note for note in printed["notes"] if "Market features come from" in note]


def test_strangers_are_noted_once(
    forecasting: Command, model_folder: Path, tmp_path: Path, price_file: Path
) -> None:
    bars = pd.read_csv(price_file)
    names = {"AAA": "NEW", "BBB": "BBB"}
    bars = bars.assign(ticker=bars["ticker"].map(names)).dropna(subset="ticker")
    bars.to_csv(tmp_path / "new.csv", index=False)
    done = forecasting("evaluate", model_folder, "--prices", tmp_path, "--no-track")
    assert done.code == 0
    assert done.out.count("1 of 2 tickers was not in training (NEW)") == 1


def test_in_sample_is_said_first(
    forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    span = ("--start", "2011-06-01", "--prices", price_file, "--no-track")
    done = forecasting("evaluate", model_folder, *span)
    assert done.out.splitlines()[2].startswith("- IN SAMPLE: the span starts 2011-06-01, but")
    assert done.out.count("IN SAMPLE") == 1


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (("--start", "2030-01-01"), "no bars from 2030-01-01 on"),
        (("--start", "2012-03-01", "--end", "2012-01-02"), "expected start <= end"),
        (("--end", "1990-01-01"), "no bars from the first to 1990-01-01"),
        (("--start", "2010-02-01"), "the baselines need bars to fit on"),
    ],
)
def test_spans_without_a_verdict(
    span: tuple[str, ...],
    expected: str,
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
) -> None:
    done = forecasting("evaluate", model_folder, *span, "--prices", price_file, "--no-track")
    assert expected in done.error


def test_day_that_is_none(forecasting: Command, model_folder: Path) -> None:
    wrong = forecasting("evaluate", model_folder, "--start", "soon")
    assert wrong.code == USAGE
    assert "--start" in wrong.err


def test_model_without_twin_is_judged_and_says_so(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    alone = shutil.copytree(model_folder, tmp_path / "alone", ignore=lambda *_: ["twin"])
    done = forecasting("evaluate", alone, "--prices", price_file, "--no-track")
    assert done.code == 0
    assert "has no GRU twin" in done.out
    assert "gru-twin" not in done.out


def test_results_are_tracked_in_the_run_of_the_training(
    forecasting: Command, own_home: Path, price_file: Path
) -> None:
    folder = own_home / "model"
    done = forecasting("evaluate", folder, "--prices", price_file)
    assert done.code == 0
    assert done.out.endswith(f"\ncard: {folder / 'card.md'}\n")
    import mlflow

    mlflow.set_tracking_uri(tracking_uri())
    model = fc.load_model(folder)
    run = mlflow.get_run(model.files.metrics["mlflow_run_id"])
    assert run.info.status == "FINISHED"
    assert {"test_nll_h1", "test_gain_over_EWMA-t_h5", "test_t_over_gru-twin_h21"} <= set(
        run.data.metrics
    )
    stored = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert {"card.md", "metrics.json"} <= stored
    assert "NOT EVALUATED YET" not in model.files.card
    assert model.files.metrics["evaluation"]["verdicts"]


@pytest.mark.parametrize(
    "part", [("CCC",), ("--start", "2011-10-03"), ("--end", "2012-03-01"), ("--no-track",)]
)
def test_a_part_of_an_evaluation_rewrites_no_card(
    part: tuple[str, ...], forecasting: Command, own_home: Path, price_file: Path
) -> None:
    folder = own_home / "model"
    before = (folder / "card.md").read_bytes()
    done = forecasting("evaluate", folder, *part, "--prices", price_file)
    assert done.code == 0
    assert ("no full evaluation" in done.out) == (part != ("--no-track",))
    assert (folder / "card.md").read_bytes() == before


def test_a_holdout_is_opened_by_its_option_alone(
    forecasting: Command, own_home: Path, price_file: Path
) -> None:
    folder, source = own_home / "model", ("--prices", price_file)
    none = forecasting("evaluate", folder, *source, "--open-holdout").error
    assert "has no hold-out to open" in none
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        recipe.read_text().replace("test_start: 0.7", "test_start: 0.7\n  holdout: '2012-01-02'")
    )
    hidden = forecasting("evaluate", folder, *source, "--open-holdout", "--no-track").error
    assert "--open-holdout is always logged" in hidden
    opened = json.loads(forecasting("evaluate", folder, *source, "--open-holdout", "--json").out)
    assert opened["start"] == "2012-01-02"
    listed = json.loads((folder / "holdout.json").read_text())
    assert [(each["command"], each["first"]) for each in listed] == [("evaluate", "2012-01-02")]
    later = forecasting("evaluate", folder, *source)
    assert "HOLD-OUT opened once before: " in later.out
    assert "Sealed hold-out: 80 bars from 2012-01-02" in " ".join(later.out.split())
    assert "opened once" in (folder / "card.md").read_text()


def test_unreachable_mlflow_costs_no_result(
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    own = shutil.copytree(model_folder, tmp_path / "own")
    done = forecasting("evaluate", own, "--prices", price_file, "--json")
    assert done.code == 1
    assert json.loads(done.out)["model"] == "jamba-tiny"
    assert done.err.startswith("error: the MLflow store http://127.0.0.1:9 did not answer")
    assert done.err.count("\n") == 1
