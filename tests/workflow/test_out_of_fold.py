"""A backtest on out-of-fold forecasts: read from the folder, proven, counted, and refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import FASTEST

from forecasting.errors import ConfigError, DataError, ModelFileError
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.market.folds.walk_forward import WalkForwardSettings
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import trials
from forecasting.workflow.backtesting import backtest
from forecasting.workflow.out_of_fold import out_of_fold
from forecasting.workflow.walk_forward import plan
from forecasting.workflow.walk_forward.manifest import MANIFEST, find_walk_forward
from forecasting.workflow.walk_forward.outcome import WalkForward
from forecasting.workflow.walk_forward.walk_forward import walk_forward

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RECIPES = ("jamba-tiny", "gru-twin")


@pytest.fixture(scope="module")
def walked(prices: Panel, tmp_path_factory: pytest.TempPathFactory) -> tuple[WalkForward, Path]:
    """Two recipes with two seeds and a baseline in two folds, and their home."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(plan, "BASELINES", (EwmaT,))
        folds = WalkForwardSettings(start=0.6, refit_every=130)
        out = home / "runs" / "walk"
        made = walk_forward(prices, RECIPES, folds=folds, seeds=2, overrides=FASTEST, out=out)
    return made, home


@pytest.fixture(autouse=True)
def one_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BASELINES", (EwmaT,))


@pytest.fixture
def folder(walked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the walk-forward's folder beside its MLflow store."""
    shutil.copytree(walked[1] / "runs", tmp_path / "own" / "runs")
    monkeypatch.setenv("FORECASTING_HOME", str(tmp_path / "own"))
    return tmp_path / "own" / "runs" / "walk"


@pytest.mark.parametrize(
    ("recipe", "seed"),
    [
        (None, None),
        (None, "ensemble"),
        ("gru-twin", 1),
        ("gru-twin", "0"),
        ("chosen", None),
        ("chosen", 1),
        ("EWMA-t", None),
    ],
)
def test_the_folder_gives_the_forecasts_of_the_walk_forward(
    recipe: str | None, seed: int | str | None, walked, folder: Path, prices: Panel
) -> None:
    of_value = out_of_fold(walked[0], prices, recipe=recipe, seed=seed)
    of_folder = out_of_fold(folder, prices, recipe=recipe, seed=seed)
    assert of_folder.configuration() == of_value.configuration()
    assert of_folder.forecast.name == of_value.forecast.name
    np.testing.assert_array_equal(of_folder.forecast.mean, of_value.forecast.mean)
    np.testing.assert_array_equal(of_folder.forecast.times, prices.times[360:])
    (note,) = of_folder.span.notes
    assert "refitted every 130 bars, 2 folds from 2011-05-23" in note
    assert of_folder.run_id == (folder / "walk_forward_run").read_text()


def test_a_backtest_of_folder_and_value_is_one_configuration(
    walked, folder: Path, prices: Panel
) -> None:
    made = backtest(folder, prices, recipe="gru-twin", seed=0, top_k=1)
    assert made.forecaster == "gru-twin, seed 0"
    assert str(made.equity.index[0])[:10] == "2011-05-23"
    assert any("refitted every 130 bars" in note for note in made.notes)
    assert any(
        note.startswith("LEAK AUDIT: NOT RUN on the models of the folds") for note in made.notes
    )
    before = trials().looks
    again = backtest(walked[0], prices, recipe="gru-twin", seed=0, top_k=1)
    assert again.equity.equals(made.equity)
    assert trials().looks == before + 1
    assert trials().entries[-1].configuration == trials().entries[-2].configuration
    assert any("it is its 2nd look" in note for note in again.notes)
    short = backtest(
        "walk", prices, tickers=["AAA"], strategy="equal_weight", end="2012-01-31", track=False
    )
    assert short.weights.columns.tolist() == ["AAA"]
    assert str(short.equity.index[-1])[:10] <= "2012-01-31"


def test_later_bars_and_other_tickers_of_the_source_do_not_count(
    folder: Path, prices: Panel
) -> None:
    """The folder was made on the panel to its end; the source has grown since."""
    values = np.concatenate([prices.values, prices.values[-1:] * 1.01])
    times = np.append(prices.times, prices.times[-1] + np.timedelta64(3, "D"))
    grown = Panel(times, prices.tickers, values, prices.interval, prices.source)
    found = out_of_fold(folder, grown)
    assert found.span.end == prices.times[-1]


def changed(prices: Panel, bar: int) -> Panel:
    values = prices.values.copy()
    values[bar, 0] *= 1.001
    return replace(prices, values=values)


@pytest.mark.parametrize("bar", [5, 400, -1])
def test_other_prices_are_refused(bar: int, walked, folder: Path, prices: Panel) -> None:
    with pytest.raises(DataError, match="differs in some bar"):
        out_of_fold(folder, changed(prices, bar))
    if bar != 5:  # a value knows the bars that it forecast from, no others
        with pytest.raises(DataError, match="differs from the prices that"):
            out_of_fold(walked[0], changed(prices, bar))
    with pytest.raises(DataError, match="has no BBB"):
        out_of_fold(folder, prices.select(["AAA"]))


def test_rows_that_no_fold_made_are_refused(walked, prices: Panel) -> None:
    made = walked[0]
    later = replace(made, settings=replace(made.settings, start=0.7))
    with pytest.raises(DataError, match="are not proven out of fold"):
        out_of_fold(later, prices)
    proof = tuple(replace(audit, smallest_gap=0) for audit in made.proof)
    with pytest.raises(DataError, match="240 of the 240 bars"):
        out_of_fold(replace(made, proof=proof), prices)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"recipe": "nobody"}, ConfigError, "no forecaster 'nobody'|no forecast of 'nobody'"),
        ({"seed": 7}, ConfigError, "no seed 7|no forecast of"),
        ({"seed": "all"}, ConfigError, "seed 'all': expected a number, or ensemble"),
        ({"recipe": "EWMA-t", "seed": 0}, ConfigError, "has no seeds|no forecast of"),
        ({"start": "soon"}, DataError, "is no date"),
        ({"in_sample": True}, ConfigError, "expected neither in_sample"),
        ({"open_holdout": True}, ConfigError, "expected neither in_sample"),
    ],
)
def test_what_a_walk_forward_does_not_have(
    asked, error, words: str, walked, folder: Path, prices: Panel
) -> None:
    for walk in (walked[0], folder):
        with pytest.raises(error, match=words):
            backtest(walk, prices, track=False, **asked)


def test_folders_that_are_none_or_damaged(folder: Path, prices: Panel, tmp_path: Path) -> None:
    assert find_walk_forward("walk") == folder
    assert find_walk_forward(tmp_path) is None
    with pytest.raises(ModelFileError, match=r"has no walk_forward\.json"):
        out_of_fold(tmp_path, prices)
    result = folder / "fold-001" / "jamba-tiny" / "seed-1" / "result.safetensors"
    content = result.read_bytes()
    result.write_bytes(content[:-8] + b"\0" * 8)
    with pytest.raises(ModelFileError, match="is damaged"):
        out_of_fold(folder, prices)
    result.unlink()
    with pytest.raises(ModelFileError, match=r"not finished: fold 1 .* --resume"):
        out_of_fold(folder, prices)
    assert out_of_fold(folder, prices, seed=0).forecast.name == "jamba-tiny, seed 0"
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"seeds": "two"}))
    with pytest.raises(ModelFileError, match=r"is damaged \(seeds: "):
        out_of_fold(folder, prices)
