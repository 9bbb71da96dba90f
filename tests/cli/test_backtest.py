import json
from pathlib import Path

import pytest
from cli.command import USAGE, Command

import forecasting as fc
from forecasting.backtest.strategies.registry import BENCHMARKS, STRATEGIES
from forecasting.cli.strategies import complete_strategy
from forecasting.market.panel import Panel

STRATEGY = """
import numpy as np

def weights(forecast, *, gross: float = 1.0):
    rising = forecast.mask & (forecast.prob_up()[..., 0] > 0.5)
    return gross * rising / np.maximum(rising.sum(axis=1, keepdims=True), 1)
"""


def test_tables_for_people(forecasting: Command, model_folder: Path, price_file: Path) -> None:
    source = ("--prices", price_file)
    done = forecasting(
        "backtest", model_folder, "--no-track", *source, "--strategy", "volatility_target"
    )
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "LEAK AUDIT: NOT RUN (forecasting audit model)"
    assert lines[1].startswith("volatility_target (bars_per_year 26")
    first_words = [line.split()[0] for line in lines if line]
    at = first_words.index("account")
    assert first_words[at + 1 : at + 4 + len(BENCHMARKS)] == [
        *("volatility_target", *BENCHMARKS),
        *("volatility_target", "cash"),
    ]
    for words in ("not matched for risk", "5 bps commission", "Survivorship", "filled at the open"):
        assert " ".join(done.out.split()).count(words) == 1
    assert "IN SAMPLE" not in done.out


def test_json_is_the_backtest(
    forecasting: Command, model_folder: Path, price_file: Path, prices: Panel
) -> None:
    asked = ("--prices", price_file, "--cost-bps", 20, "--set", "top_k=1", "--json")
    done = forecasting("backtest", model_folder, "--no-track", *asked)
    assert (done.code, done.err) == (0, "")
    model = fc.load_model(model_folder)
    expected = fc.backtest(model, prices, cost_bps=20, top_k=1, track=False).to_dict()
    printed = json.loads(done.out)
    assert printed["verdicts"] == expected["verdicts"]
    assert printed["parameters"]["top_k"] == 1
    assert printed["equity"]["long_short"][-1] == pytest.approx(
        expected["equity"]["long_short"][-1], rel=1e-9
    )


def test_own_strategy_with_its_parameter(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rising.py"
    file.write_text(STRATEGY)
    own = ("--strategy", file, "--set", "gross=0.5")
    done = forecasting(
        "backtest", model_folder, "--no-track", "--prices", price_file, *own, "--json"
    )
    assert json.loads(done.out)["parameters"]["gross"] == 0.5


def test_in_sample_is_refused_unless_told_and_then_said_first(
    forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    asked = ("--no-track", "--prices", price_file, "--start", "2011-01-03")
    refused = forecasting("backtest", model_folder, *asked).error
    assert "--start 2011-01-03: jamba-tiny was trained and chosen on bars before 2011-" in refused
    assert "or later. --in-sample (in_sample=True)" in refused
    done = forecasting("backtest", model_folder, *asked, "--in-sample")
    assert (
        "- IN SAMPLE: the span starts 2011-01-03, but jamba-tiny" in done.out.partition("\n\n")[0]
    )
    assert done.out.count("IN SAMPLE") == 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("--strategy", "lng_short"), "did you mean 'long_short'?"),
        (("--strategy", "nosuch.py"), "no strategy file nosuch.py"),
        (("--set", "topk=3"), "did you mean 'top_k'?"),
        (("--set", "top_k=many"), "expected a whole number"),
        (("--set", "top_k=99"), "expected 1 to 2"),
        (("--set", "top_k"), "expected name=value, such as top_k=3"),
        (("--set", "top_k=[1"), "not valid YAML"),
        (("--set", "top_k=1", "--set", "top_k=2"), "top_k came before, expected each parameter"),
        (("--set", "start=2000-01-01"), "--set start: no strategy has this parameter"),
        (("--set", "prices=3"), "--set prices: no strategy has this parameter"),
        (("top_k=3",), "'top_k=3' is no ticker: expected --set top_k=3"),
        (("--recipe", "gru-twin"), "expected neither recipe nor seed"),
        (("--margin-limit", 0), "margin_limit = 0: expected above 0"),
        (("--borrow-fee", "-1"), "borrow_fee = -1: expected 0 to 10"),
        (("--capital", "nan"), "capital = nan: expected"),
        (("--spread", "bucket", "--report", "/"), "report"),
        (("--grid", "cost_bps=0,-5"), "commission of -5 bps: expected 0 to 1000"),
        (("--grid", "cost_bps"), "cost_bps"),
        (("--grid", "top_k=1", "--plot", "map.pdf"), "expected a name that ends in .png"),
        (("--grid", "start=2012-01-02"), "grid axis start: it is an option of the verb"),
        (("--grid", "top_k=1", "--choose-in-folds"), "needs the folds of a walk-forward"),
        (("--grid", "top_k=1", "--set", "grid=3"), "--set grid: no strategy has this parameter"),
        (("--today", "--set", "cash=3"), "--set cash: no strategy has this parameter"),
        (("--start", "2030-01-01"), "no bars from 2030-01-01 on: "),
        (("--start", "2012-03-01", "--end", "2012-01-02"), "expected start <= end"),
    ],
)
def test_strategies_that_cannot_be(
    asked: tuple[str, ...],
    expected: str,
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
) -> None:
    assert (
        expected
        in forecasting("backtest", model_folder, "--no-track", "--prices", price_file, *asked).error
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def weights(forecast): return 1 / 0", "failed with ZeroDivisionError"),
        ("def weights(forecast:", "does not run: SyntaxError"),
        ("weights = 3", "has no function weights(forecast"),
        ("def weights(forecast): return forecast.mean[:, :, 0] * 0 + 1e999", "not finite"),
    ],
)
def test_strategy_files_with_an_error_inside(
    text: str,
    expected: str,
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
    tmp_path: Path,
) -> None:
    file = tmp_path / "own.py"
    file.write_text(text)
    asked = ("--prices", price_file, "--strategy", file)
    assert expected in forecasting("backtest", model_folder, "--no-track", *asked).error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.py"]


@pytest.mark.parametrize("bps", ["-5", "nan", "100000", "cheap"])
@pytest.mark.parametrize("option", ["--cost-bps", "--slippage-bps"])
def test_costs_that_cannot_be(
    option: str, bps: str, forecasting: Command, model_folder: Path
) -> None:
    wrong = forecasting("backtest", model_folder, "--no-track", option, bps)
    assert wrong.code == USAGE
    assert option in wrong.err


def test_strategies_are_listed_and_completed(
    forecasting: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = forecasting("backtest", "--list")
    assert (done.code, done.err) == (0, "")
    entries, _, last = done.out.partition("\n\n")
    lines = entries.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == list(STRATEGIES)
    assert max(map(len, done.out.splitlines())) <= 80
    said = " ".join(entries.split())
    assert "long_only the best by expected return over volatility top_k=(a quarter of the" in said
    assert "short=false" in said
    for name, strategy in STRATEGIES.items():
        shown = [own for own in strategy.parameters if own not in ("prices", "decides")]
        entry = said.partition(f"{name} ")[2]
        assert all(f"{own}=" in entry for own in shown)
    assert last.startswith("Each also has rebalance_every=5, no_trade_band=none, stop_quantile=")
    assert complete_strategy("long") == ["long_short", "long_only"]


def test_a_page_is_written(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    asked = ("--prices", price_file, "--no-track", "--report", page)
    done = forecasting("backtest", model_folder, *asked)
    assert done.out.endswith(f"report: {page}\n")
    assert "long_short" in page.read_text()


def test_orders_for_the_next_session(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    asked = ("backtest", model_folder, "--prices", price_file, "--today", "--whole-shares")
    done = forecasting(*asked, "--capital", 50_000)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    said = " ".join(done.out.split())
    assert "decided at the close of 2012-04-20, for the session of 2012-04-23" in said
    assert "STALE: the newest bar is of 2012-04-20" in said
    assert "equity 50,000.00, cash 50,000.00" in said
    assert {"buy", "sell"} <= set(said.split())
    held = tmp_path / "held.csv"
    held.write_text("ticker,shares\nDDD,3\nAAA,-2\n")
    printed = json.loads(forecasting(*asked, "--positions", held, "--cash", 1000, "--json").out)
    assert [row["held"] for row in printed["orders"] if row["ticker"] in ("AAA", "DDD")] == [-2, 3]
    assert printed["session"] == "2012-04-23"
    held.write_text("ticker,shares\nDDD,3\nDDD,-2\n")
    assert "line 3: DDD comes twice" in forecasting(*asked, "--positions", held).error
    held.write_text("ticker,shares\nZZZ,3\n")
    assert "positions hold ZZZ" in forecasting(*asked, "--positions", held, "--cash", 1).error
