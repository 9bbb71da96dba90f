import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from cli.command import USAGE, Command
from conftest import make_frames

import forecasting as fc
from forecasting.evaluation.calibration.calibrate import calibrate
from forecasting.market.panel import Panel


def without_a_close(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(close=bars["close"].where(bars.index != bars.index[300]))


def damage(change: Callable[[pd.DataFrame], pd.DataFrame], folder: Path) -> Path:
    """One ticker's bars, changed, as a file."""
    path = folder / "AAA.csv"
    change(make_frames()["AAA"]).to_csv(path, index_label="date")
    return path


def test_table_for_people(forecasting: Command, model_folder: Path, price_file: Path) -> None:
    done = forecasting("forecast", model_folder, "AAA", "CCC", "--prices", price_file)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "jamba-tiny, after the close of 2012-04-20"
    assert " ".join(lines[2].split()) == "ticker bars price vol P(up) 5% 25% 50% 75% 95%"
    assert [line.split()[:2] for line in lines[3:9]] == [
        [ticker, bars] for ticker in ("AAA", "CCC") for bars in ("1", "5", "21")
    ]
    assert max(map(len, lines)) <= 80
    assert "Not investment advice." in done.out


def test_json_is_the_forecast(
    forecasting: Command, model_folder: Path, price_file: Path, prices: Panel
) -> None:
    done = forecasting("forecast", model_folder, "BBB", "--prices", price_file, "--json")
    assert (done.code, done.err) == (0, "")
    expected = fc.load_model(model_folder).forecast(prices).select(["BBB"]).latest()
    for printed, row in zip(
        json.loads(done.out)["forecasts"], expected.to_dict(orient="records"), strict=True
    ):
        assert printed["origin"] == row["origin"].isoformat()
        assert printed["horizon"] == row["horizon"]
        assert printed["scale"] == pytest.approx(row["scale"], rel=1e-9)


def test_asof_forgets_what_came_later(
    forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    asof = ("--asof", "2012-01-13")
    done = forecasting("forecast", model_folder, "--prices", price_file, *asof, "--json")
    assert {row["origin"] for row in json.loads(done.out)["forecasts"]} == {"2012-01-13T00:00:00"}


@pytest.mark.parametrize(("asof", "seen"), [("2011-08-12", True), ("2011-08-15", False)])
def test_a_forecast_of_bars_that_the_model_has_seen_says_so(
    asof: str, seen: bool, forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    asked = ("forecast", model_folder, "--prices", price_file, "--asof", asof)
    notes = json.loads(forecasting(*asked, "--json").out)["notes"]
    expected = f"IN SAMPLE: the model was trained and chosen on bars before 2011-08-15, {asof} "
    assert [note for note in notes if note.startswith(expected)] == notes
    assert bool(notes) == seen
    assert (expected in " ".join(forecasting(*asked).out.split())) == seen


def test_tickers_that_ended_earlier_show_their_day(
    forecasting: Command, model_folder: Path, tmp_path: Path
) -> None:
    frames = make_frames()
    frames["AAA"].iloc[:400].to_csv(tmp_path / "AAA.csv", index_label="date")
    frames["BBB"].to_csv(tmp_path / "BBB.csv", index_label="date")
    lines = forecasting("forecast", model_folder, "--prices", tmp_path).out.splitlines()
    assert lines[0] == "jamba-tiny, newest forecasts"
    assert lines[3].split()[:3] == ["AAA", "2011-07-15", "1"]
    assert lines[6].split()[:3] == ["BBB", "2012-04-20", "1"]


def test_plot(forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path) -> None:
    chart = tmp_path / "deep" / "fan.png"
    done = forecasting("forecast", model_folder, "--prices", price_file, "--plot", chart)
    assert done.code == 0
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in chart.parent.iterdir()] == ["fan.png"]


def test_plot_elsewhere(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path
) -> None:
    source = ("--prices", price_file)
    inside = forecasting("forecast", model_folder, *source, "--plot", price_file / "fan.png")
    assert "is a file): expected a file in a writable folder" in inside.error
    other = forecasting("forecast", model_folder, *source, "--plot", tmp_path / "fan.pdf")
    assert other.code == USAGE
    assert "expected a name that ends in .png" in other.err


@pytest.mark.parametrize(
    ("tickers", "expected"),
    [
        (("ZZZ",), "it has 4 (AAA, BBB, CCC, DDD)"),
        (("AAA", "AAA"), "name each one once"),
        (("<script>alert(1)</script>",), "it has 4"),
    ],
)
def test_tickers_that_are_not_there(
    tickers: tuple[str, ...],
    expected: str,
    forecasting: Command,
    model_folder: Path,
    price_file: Path,
) -> None:
    done = forecasting("forecast", model_folder, *tickers, "--prices", price_file)
    assert expected in done.error


@pytest.mark.parametrize(
    ("ticker", "expected"),
    [
        ("ZZZZ", "it has 20 (AAPL, AMD,"),
        ("../../etc/passwd", "is no symbol"),
        ("aapl", "expected 'AAPL'"),
    ],
)
def test_tickers_that_the_sample_does_not_have(
    ticker: str, expected: str, forecasting: Command, model_folder: Path
) -> None:
    assert expected in forecasting("forecast", model_folder, ticker).error


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda bars: bars.iloc[:0], "has a header and no rows"),
        (lambda bars: bars.iloc[::-1], "is out of order"),
        (lambda bars: pd.concat([bars.iloc[:20], bars.iloc[19:]]), "is repeated"),
        (lambda bars: bars * 0, "expected positive prices"),
        (lambda bars: -bars, "expected positive prices"),
        (without_a_close, "expected a price on every bar"),
        (lambda bars: bars * 0 + 5, "a constant series"),
        (lambda bars: bars.iloc[-30:], "AAA has 30 bars"),
        (lambda bars: bars.drop(columns=["close", "adj_close"]), "has no close"),
    ],
)
def test_prices_that_are_none(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    expected: str,
    forecasting: Command,
    model_folder: Path,
    tmp_path: Path,
) -> None:
    done = forecasting("forecast", model_folder, "--prices", damage(change, tmp_path))
    assert expected in done.error


def test_missing_prices_can_be_masked(
    forecasting: Command, model_folder: Path, tmp_path: Path
) -> None:
    path = damage(without_a_close, tmp_path)
    assert forecasting("forecast", model_folder, "--prices", path, "--missing", "mask").code == 0
    wrong = forecasting("forecast", model_folder, "--prices", path, "--missing", "fill")
    assert wrong.code == USAGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "cannot be read"), ("date,close\n2020-01-01,1,2\n", "Expected 2 columns, got 3")],
)
def test_files_that_are_no_table(
    text: str, expected: str, forecasting: Command, model_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "AAA.csv"
    path.write_text(text)
    assert expected in forecasting("forecast", model_folder, "--prices", path).error


def test_places_without_prices(forecasting: Command, model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place, expected in (
        (tmp_path / "empty", "no price files at"),
        (tmp_path / "*.csv", "no price files at"),
        ("smaple", "did you mean 'sample'?"),
        ("store", "Run `forecasting fetch TICKER...` first"),
    ):
        assert expected in forecasting("forecast", model_folder, "--prices", place).error


def test_bars_of_another_interval(forecasting: Command, model_folder: Path, tmp_path: Path) -> None:
    bars = make_frames()["AAA"]
    bars.index = pd.date_range("2020-01-01", periods=len(bars), freq="h")
    bars.to_csv(tmp_path / "AAA.csv", index_label="date")
    for verb in ("forecast", "evaluate", "backtest"):
        done = forecasting(verb, model_folder, "--prices", tmp_path)
        assert "has 1h bars: jamba-tiny was trained on 1d bars" in done.error


def test_prices_without_the_columns_of_the_model(forecasting: Command, model_folder: Path) -> None:
    assert "features 'ohlcv' need open" in forecasting("forecast", model_folder, "KO").error


@pytest.mark.parametrize("asof", ["tomorrow", "2012-02-30"])
def test_day_that_is_none(asof: str, forecasting: Command, model_folder: Path) -> None:
    wrong = forecasting("forecast", model_folder, "--asof", asof)
    assert wrong.code == USAGE
    assert "--asof" in wrong.err


def test_day_before_the_prices(forecasting: Command, model_folder: Path, price_file: Path) -> None:
    done = forecasting("forecast", model_folder, "--prices", price_file, "--asof", "1980-01-01")
    assert "no bars from the first to 1980-01-01" in done.error


def test_models_that_are_none(forecasting: Command, model_folder: Path, tmp_path: Path) -> None:
    assert "or a name listed by `forecasting models`" in forecasting("forecast", "nosuch").error
    assert "expected a trained model" in forecasting("forecast", "jamba-tiny").error
    broken = shutil.copytree(model_folder, tmp_path / "broken")
    weights = broken / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert "expected a whole safetensors file" in forecasting("forecast", broken).error
    weights.unlink()
    assert "no model.safetensors" in forecasting("forecast", broken).error
    weights.write_bytes(whole)
    recipe = broken / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("hidden_size: 16", "hidden_size: 32"))
    assert "These weights belong to another recipe" in forecasting("forecast", broken).error


def test_calibrated_bands(
    forecasting: Command, model_folder: Path, price_file: Path, tmp_path: Path, prices: Panel
) -> None:
    asked = ("forecast", model_folder, "AAA", "--prices", price_file, "--calibrate")
    done = forecasting(*asked, "--plot", tmp_path / "fan.png")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("jamba-tiny (calibrated), after the close of 2012-04-20")
    assert "the 90 % band is the one that the model's law calls" in " ".join(done.out.split())
    printed = json.loads(forecasting(*asked, "--json").out)
    made = calibrate(fc.load_model(model_folder).forecast(prices), prices)
    expected = made.select(["AAA"]).latest()
    assert [row["q05"] for row in printed["forecasts"]] == pytest.approx(list(expected["q05"]))
    assert {row["feedback"] > 400 for row in printed["calibration"]} == {True}
    assert len(printed["calibration"]) == 3 * 4


def test_without_calibration_nothing_is_said_of_it(
    forecasting: Command, model_folder: Path, price_file: Path
) -> None:
    done = forecasting("forecast", model_folder, "AAA", "--prices", price_file, "--json")
    assert set(json.loads(done.out)) == {"model", "notes", "forecasts"}
