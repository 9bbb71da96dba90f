"""The verb `sweep`: counted before it scores, equal to single backtests, never on a hold-out."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import forecasting as fc
from forecasting.backtest.sweep.grid import Grid
from forecasting.errors import ConfigError, DataError
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import trials
from forecasting.training.trials import FAILED, FINISHED
from forecasting.workflow import sweep as sweep_module
from forecasting.workflow.backtesting import backtest
from forecasting.workflow.sweep import sweep


@pytest.fixture
def model(
    untouched_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NetworkForecaster:
    """A copy of the tiny model and its store."""
    home = shutil.copytree(untouched_home, tmp_path / "own")
    monkeypatch.setenv("FORECASTING_HOME", str(home))
    return fc.load_model(home / "model")


def test_each_row_is_a_backtest_and_a_trial(model: NetworkForecaster, prices: Panel) -> None:
    made = sweep(model, prices, {"top_k": [1, 2], "cost_bps": range(0, 20, 10)}, impact=0)
    assert made.notes[-1]
    found = trials(prices)
    assert (len(found.entries), found.looks, found.configurations) == (1, 4, 4)
    (entry,) = found.entries
    assert (entry.kind, entry.status) == ("sweep", FINISHED)
    assert entry.scores["sharpe"] == pytest.approx(made.best_sharpe)
    np.testing.assert_array_equal(found.sharpes(), made.table["sharpe"])
    again = backtest(model, prices, top_k=2, cost_bps=10, impact=0)
    row = made.table.query("top_k == 2 and cost_bps == 10").iloc[0]
    assert again.stats.loc["long_short", "sharpe"] == pytest.approx(row["sharpe"], abs=1e-12)
    assert any("this one was among them, it is its 2nd look." in note for note in again.notes)
    assert trials(prices).configurations == 4
    assert len(again.trial_sharpes or ()) == 3


def test_a_sweep_is_deflated_for_what_was_tried_before(
    model: NetworkForecaster, prices: Panel
) -> None:
    sweep(model, prices, ["rebalance_every=1:4"])
    made = sweep(model, prices, ["rebalance_every=3:8"])
    assert made.trial_sharpes is not None
    assert len(made.trial_sharpes) == 2
    assert made.luck.n_trials == 8
    assert any("this sweep of 6 makes it 8." in note for note in made.notes)


def test_it_is_counted_before_it_scores(
    model: NetworkForecaster, prices: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise MemoryError

    monkeypatch.setattr(sweep_module, "trade", fail)
    with pytest.raises(MemoryError):
        sweep(model, prices, ["top_k=1,2", "delay=0:2"])
    found = trials(prices)
    assert (found.looks, found.failed, len(found.sharpes())) == (6, 6, 0)
    assert found.entries[0].status == FAILED


@pytest.mark.parametrize(
    ("grid", "options", "said"),
    [
        (["topk=1"], {}, "did you mean 'top_k'"),
        (["top_k=1,99"], {}, "top_k = 99"),
        (["top_k=1"], {"top_k": 2}, "top_k is fixed and in the grid"),
        (["top_k=1"], {"recipe": "jamba-tiny"}, "expected neither recipe nor seed"),
        (["top_k=1"], {"cost_bps": "low"}, "cost_bps = 'low'"),
    ],
)
def test_a_mistake_is_no_trial(
    grid: list[str],
    options: dict[str, object],
    said: str,
    model: NetworkForecaster,
    prices: Panel,
) -> None:
    with pytest.raises(ConfigError, match=said):
        sweep(model, prices, grid, **options)
    assert trials().looks == 0


def test_bars_that_were_seen_are_refused(model: NetworkForecaster, prices: Panel) -> None:
    early = {"start": "2011-06-01", "track": False}
    with pytest.raises(DataError, match="--in-sample"):
        sweep(model, prices, ["top_k=1,2"], **early)
    made = sweep(model, prices, ["top_k=1,2"], in_sample=True, **early)
    assert sum(note.startswith("IN SAMPLE") for note in made.notes) == 1
    assert any(note == "Trial ledger: not counted (--no-track)." for note in made.notes)


def test_a_grid_has_many_forms(model: NetworkForecaster, prices: Panel) -> None:
    forms = ("top_k=1,2", ["top_k=1:2"], {"top_k": (1, 2)}, Grid({"top_k": (1, 2)}))
    made = [sweep(model, prices, form, tickers=["AAA", "BBB", "CCC", "DDD"], track=False)
            for form in forms]  # fmt: skip
    assert all((each.returns == made[0].returns).all() for each in made)


def test_a_function_of_a_notebook_is_swept(model: NetworkForecaster, prices: Panel) -> None:
    def rising(forecast, *, gross: float = 1.0) -> np.ndarray:
        up = forecast.mask & (forecast.prob_up()[..., 0] > 0.5)
        return gross * up / np.maximum(up.sum(axis=1, keepdims=True), 1)

    made = sweep(model, prices, {"gross": [0.5, 1.0]}, strategy=rising)
    volatility = made.table["volatility"]
    assert volatility[1] > 1.5 * volatility[0]
    assert trials().configurations == 2
