import json
from pathlib import Path

import pytest
from cli.command import USAGE, Command

import forecasting as fc
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
    assert first_words[at + 1 : at + 8] == [
        *("volatility_target", "buy_and_hold", "equal_weight"),
        *("volatility_target", "cash", "buy_and_hold", "equal_weight"),
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


def test_in_sample_is_said_first(
    forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    done = forecasting(
        "backtest", model_folder, "--no-track", "--prices", price_file, "--start", "2011-01-03"
    )
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
        (("--set", "start=2000-01-01"), "--set start: no strategy has this parameter"),
        (("--set", "prices=3"), "--set prices: no strategy has this parameter"),
        (("--start", "2030-01-01"), "no forecast of jamba-tiny from 2030-01-01"),
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
