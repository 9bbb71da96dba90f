"""Judging is counted, and stops short of a sealed hold-out unless it is told to open it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import forecasting as fc
from forecasting.errors import ConfigError, DataError, TrackingError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.model_folder import WEIGHTS
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.forecaster.openings import read_openings
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import trials
from forecasting.workflow import backtesting, judging

FIRST = "2012-01-02"
UNREACHABLE = "http://127.0.0.1:9"


def broken(forecast: Forecast, positions: np.ndarray) -> np.ndarray:
    """A strategy that nobody can refuse before it trades."""
    raise ZeroDivisionError


@pytest.fixture
def model(
    untouched_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NetworkForecaster:
    """A copy of the tiny model and its store, whose recipe seals the last bars."""
    home = shutil.copytree(untouched_home, tmp_path / "own")
    monkeypatch.setenv("FORECASTING_HOME", str(home))
    recipe = home / "model" / "recipe.yaml"
    sealed = f"test_start: 0.7\n  holdout: '{FIRST}'"
    recipe.write_text(recipe.read_text().replace("test_start: 0.7", sealed))
    return fc.load_model(home / "model")


@pytest.fixture
def changed(prices: Panel) -> Panel:
    """The same prices, but for the bars of the hold-out."""
    values = prices.values.copy()
    values[prices.times >= np.datetime64(FIRST)] *= 3.0
    return Panel(prices.times, prices.tickers, values, prices.interval, prices.source)


def test_sealed_bars_change_no_score(
    model: NetworkForecaster, prices: Panel, changed: Panel
) -> None:
    for verb in (judging.evaluate, backtesting.backtest):
        one, other = (verb(model, panel, track=False).to_dict() for panel in (prices, changed))
        assert one == other
        assert one["end"] < FIRST
        assert (
            "Sealed hold-out: 80 bars from 2012-01-02 to 2012-04-20, not looked at here."
            in (one["notes"])
        )


def test_choosing_tickers_or_days_is_a_trial(model: NetworkForecaster, prices: Panel) -> None:
    def others(**options: object) -> int:
        made = backtesting.backtest(model, prices, strategy="equal_weight", **options)
        assert made.trial_sharpes is not None
        return len(made.trial_sharpes)

    assert [others(), others()] == [0, 0]
    assert others(tickers=["AAA"]) == 1
    assert others(tickers=["AAA"], start="2011-09-01") == 2


def test_evaluate_and_backtest_are_counted(model: NetworkForecaster, prices: Panel) -> None:
    assert judging.evaluate(model, prices).notes[2].endswith("before; this is the 1st.")
    again = judging.evaluate(model, prices, tickers=["AAA"])
    assert again.notes[2].endswith("this one was among them, it is its 2nd look.")
    book = backtesting.backtest(model, prices)
    assert any("(2 looks); this is the 2nd." in note for note in book.notes)
    with pytest.raises(ConfigError):
        backtesting.backtest(model, prices, strategy=broken)
    found = trials(prices)
    assert (found.looks, found.configurations, found.failed) == (4, 3, 1)
    assert {trial.last for trial in found.entries} == {"2011-12-30"}
    assert found.best() == pytest.approx(book.stats.loc["long_short", "sharpe"])
    assert {"nll_h1", "gain_h21"} <= set(found.entries[0].scores)
    assert trials(["BBB"]).looks == 3


def test_the_other_model_of_an_evaluation_is_looked_at_too(
    model: NetworkForecaster, prices: Panel
) -> None:
    twin = fc.load_model(model.folder / "twin")
    judging.evaluate(model, prices, against=twin)
    counted = trials(prices)
    assert (counted.looks, counted.configurations) == (2, 2)


@pytest.mark.parametrize(
    "asked",
    [
        {"strategy": "lng_short"},
        {"topk": 1},
        {"top_k": 99},
        {"horizon": 4},
        {"top_k": 99, "open_holdout": True},
        {"execution": "never"},
        {"end": "2011-01-03"},
    ],
)
def test_a_mistake_is_no_look(
    asked: dict[str, object], model: NetworkForecaster, prices: Panel
) -> None:
    with pytest.raises((ConfigError, DataError)):
        backtesting.backtest(model, prices, **asked)
    assert trials().looks == 0
    assert read_openings(model.folder) == ()


def test_a_report_is_one_opening_and_a_look_a_strategy(
    model: NetworkForecaster, prices: Panel, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    kinds = ["long_short", "long_only"]
    made = judging.report(model, prices, page, strategies=kinds, open_holdout=True)
    assert str(made.evaluation.start)[:10] == FIRST
    assert [trial.kind for trial in trials().entries] == ["holdout opening"] * 3
    (opening,) = read_openings(model.folder)
    assert opening.command == "report"
    for words in ("jamba-tiny against", "long_short Sharpe", "long_only Sharpe"):
        assert words in opening.headline
    card = (model.folder / "card.md").read_text()
    assert opening.headline in card
    assert "NOT EVALUATED YET" in card


def test_an_opening_counts_even_if_it_fails(model: NetworkForecaster, prices: Panel) -> None:
    with pytest.raises(ConfigError):
        backtesting.backtest(model, prices, open_holdout=True, strategy=broken)
    assert [opening.headline for opening in read_openings(model.folder)] == [None]
    assert trials().failed == 1
    note = judging.evaluate(model, prices, track=False).notes[2]
    assert note.startswith("HOLD-OUT opened once before: ")


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        ({"start": "2012-01-02"}, DataError, "lies in the hold-out"),
        ({"start": "2012-01-02", "open_holdout": True}, ConfigError, "expected no --start"),
        ({"end": "2012-02-02", "open_holdout": True}, ConfigError, "expected no --start"),
        ({"track": False, "open_holdout": True}, ConfigError, "is always logged"),
    ],
)
def test_a_holdout_is_not_opened_by_halves(
    asked: dict[str, object],
    kind: type[Exception],
    words: str,
    model: NetworkForecaster,
    prices: Panel,
) -> None:
    for verb in (judging.evaluate, backtesting.backtest):
        with pytest.raises(kind, match=words):
            verb(model, prices, **asked)
    assert read_openings(model.folder) == ()


def test_a_holdout_that_is_not_there_yet(model: NetworkForecaster, prices: Panel) -> None:
    early = prices.between(None, "2011-12-30")
    with pytest.raises(DataError, match="before the hold-out begins"):
        judging.evaluate(model, early, open_holdout=True)
    assert not [
        note for note in judging.evaluate(model, early, track=False).notes if "ealed" in note
    ]


def test_a_store_that_does_not_answer_costs_no_result_but_opens_nothing(
    model: NetworkForecaster, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", UNREACHABLE)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    book = backtesting.backtest(model, prices)
    assert "Trial ledger: not counted, the MLflow store did not answer." in book.notes
    with pytest.raises(TrackingError, match="did not answer"):
        backtesting.backtest(model, prices, open_holdout=True)
    assert read_openings(model.folder) == ()


def test_cards_change_no_weights(model: NetworkForecaster, prices: Panel) -> None:
    before = (model.folder / WEIGHTS).read_bytes()
    backtesting.backtest(model, prices, open_holdout=True)
    assert (model.folder / WEIGHTS).read_bytes() == before
    assert fc.load_model(model.folder).files.corpus == model.corpus
