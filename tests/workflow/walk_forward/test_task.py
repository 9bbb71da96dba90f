"""One task of a walk-forward: blind to the future, the same bytes wherever it runs."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import FASTEST
from future import KINDS, change_future

from forecasting.config import Recipe, load_recipe
from forecasting.errors import ConfigError, DataError, ForecastingError
from forecasting.forecast.mixture import Mixture
from forecasting.forecaster.model_folder import WEIGHTS
from forecasting.market.folds.fold import Fold
from forecasting.market.panel import Panel
from forecasting.market.simulation import simulate
from forecasting.workflow.walk_forward import pool
from forecasting.workflow.walk_forward import task as fold_task
from forecasting.workflow.walk_forward.files import RESULT, read_result, write_result
from forecasting.workflow.walk_forward.judging import joined
from forecasting.workflow.walk_forward.pool import run_tasks
from forecasting.workflow.walk_forward.task import FoldResult, FoldTask, run_task

SETTINGS = (*FASTEST, "training.learning_rate=0.01")
RECIPES = ("gru-twin", "jamba-tiny")
FOLD = Fold(1, 0, 300, 360, 440)
ROLLING = Fold(2, 120, 300, 360, 440)


def task(name: str, fold: Fold = FOLD) -> FoldTask:
    recipe = load_recipe(name if name in RECIPES else RECIPES[0], SETTINGS)
    if name in RECIPES:
        return FoldTask(fold, recipe)
    return FoldTask(fold, Recipe(name="baselines", data=recipe.data), name)


@pytest.fixture(scope="module", params=["jamba-tiny", "log-HAR-t", "linear-t", "GJR-GARCH-t"])
def done(request, prices: Panel, tmp_path_factory) -> tuple[FoldTask, Path, FoldResult]:
    asked, out = task(request.param), tmp_path_factory.mktemp("out")
    return asked, out, run_task(asked, prices, out)


@pytest.mark.parametrize("kind", KINDS)
def test_changing_the_future_changes_no_past(done, prices, kind, tmp_path) -> None:
    """Changed from bar 401 on, inside the test block; a network's past is equal to float noise."""
    asked, out, honest = done
    blind = run_task(asked, change_future(prices, 400, kind), tmp_path)
    exact = asked.baseline != ""
    for name, values in honest.forecast.law.parameters().items():
        past, noise = blind.forecast.law.parameters()[name][:41], 0.0 if exact else 1e-5
        np.testing.assert_allclose(past, values[:41], rtol=noise, atol=noise / 10)
    assert blind.numbers == honest.numbers
    assert blind.tickers == honest.tickers
    if not exact:
        weights = [place / "fold-001/jamba-tiny/seed-0" / WEIGHTS for place in (out, tmp_path)]
        assert weights[0].read_bytes() == weights[1].read_bytes()


def test_bars_behind_the_test_block_are_not_looked_at(done, prices, tmp_path) -> None:
    asked, _, honest = done
    blind = run_task(asked, change_future(prices, 439, "x1000"), tmp_path)
    for name, values in honest.forecast.law.parameters().items():
        np.testing.assert_array_equal(blind.forecast.law.parameters()[name], values)
    assert asked.identity(prices) == asked.identity(change_future(prices, 439, "x1000"))
    assert asked.identity(prices) != asked.identity(change_future(prices, 438, "x1000"))


def test_a_rolling_fold_knows_nothing_before_its_window(prices, tmp_path) -> None:
    asked = task("gru-twin", ROLLING)
    values = prices.values.copy()
    values[:120] *= 3.0
    other = Panel(prices.times, prices.tickers, values)
    one, two = (run_task(asked, panel, tmp_path) for panel in (prices, other))
    assert one.numbers == two.numbers
    np.testing.assert_array_equal(one.forecast.law.mean, two.forecast.law.mean)
    assert one.audit.train_rows < run_task(task("gru-twin"), prices, tmp_path).audit.train_rows


def test_results_come_back_from_their_files(done, prices, tmp_path) -> None:
    asked, out, result = done
    write_result(asked, prices, out, result)
    back = read_result(asked, prices, out)
    assert (back.audit, back.tickers, back.numbers) == (
        result.audit,
        result.tickers,
        result.numbers,
    )
    assert back.forecast.notes == result.forecast.notes
    assert read_result(asked, prices, tmp_path) is None
    np.testing.assert_array_equal(back.forecast.price, result.forecast.price)
    for name, values in result.forecast.law.parameters().items():
        np.testing.assert_array_equal(back.forecast.law.parameters()[name], values)


def test_mixtures_have_files_and_are_joined_but_not_with_others(done, prices, tmp_path) -> None:
    asked, _, result = done
    if asked.baseline != "log-HAR-t":
        return
    pair = Mixture((result.forecast.law, result.forecast.law))
    forecast = result.forecast.__class__(**(vars(result.forecast) | {"law": pair}))
    mixed = FoldResult(forecast, result.audit, result.tickers, {})
    write_result(asked, prices, tmp_path, mixed)
    back = read_result(asked, prices, tmp_path)
    assert isinstance(back.forecast.law, Mixture)
    twice = joined("twice", [back, back])
    np.testing.assert_array_equal(twice.mean, np.concatenate([pair.mean, pair.mean]))
    assert joined("both", [back, result]) is None


def test_a_pool_gives_the_same_bytes_as_one_after_the_other(tmp_path: Path) -> None:
    """Four tasks, two folds, two processes; whatever ran before in this one."""
    market = simulate("volatility", n_tickers=3, n_bars=420, seed=2)
    fold, later = Fold(0, 0, 270, 330, 380), Fold(1, 0, 310, 380, 420)
    tasks = [task("jamba-tiny", fold), task("jamba-tiny", later), task("EWMA-t", later)]
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    for place, workers in (("serial", 1), ("pool", 2)):
        out = tmp_path / place
        ended = list(run_tasks(tasks, market, out, workers=workers, threads=1))
        assert {one.name for one, error in ended if error is None} == {one.name for one in tasks}
        assert len(ended) == 3
    assert torch.get_num_threads() == threads
    serial = sorted((tmp_path / "serial").rglob("*.safetensors"))
    assert len(serial) == 5
    for file in serial:
        twin = tmp_path / "pool" / file.relative_to(tmp_path / "serial")
        assert file.read_bytes() == twin.read_bytes(), file


def test_a_task_that_fails_names_its_fold_and_a_dead_worker_what_to_do(prices, tmp_path) -> None:
    bad = FoldTask(Fold(0, 0, 30, 60, 90), task("gru-twin").recipe)
    [(_, error)] = run_tasks([bad], prices, tmp_path, workers=2, threads=1)
    error = pickle.loads(pickle.dumps(error))  # as it comes back from a worker
    assert isinstance(error, DataError)
    assert str(error).startswith("fold 0 (2010-03-29 to 2010-05-07), gru-twin, seed 0: ")
    broken = pool._error(pool.BrokenProcessPool("gone"))
    assert isinstance(broken, ForecastingError)
    assert "fewer --workers" in str(broken)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (task("gru-twin", Fold(4, 0, 60, 100, 130)), DataError, "fold 4 has no training rows"),
        (task("gru-twin", Fold(4, 0, 20, 40, 80)), DataError, "no ticker has .* bars with a price"),
        (task("EWMA-t", Fold(4, 0, 150, 200, 230)), DataError, "expected 500 .* rows .* got"),
    ],
)
def test_histories_that_do_not_suffice(asked, error, words, prices, tmp_path) -> None:
    with pytest.raises(error, match=words):
        run_task(asked, prices, tmp_path)


def test_context_longer_than_the_folds_history(prices, tmp_path) -> None:
    recipe = load_recipe("gru-twin", (*SETTINGS, "training.context_length=350"))
    with pytest.raises(ConfigError, match="context_length = 350: the longest history has"):
        run_task(FoldTask(FOLD, recipe), prices, tmp_path)
    assert not any(tmp_path.rglob(RESULT))
    assert fold_task.BASELINE_FOLDER in str(task("EWMA-t").folder(tmp_path))
