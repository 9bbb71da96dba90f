"""A training with a sealed hold-out is the training on prices that end before it."""

import shutil
from pathlib import Path

import numpy as np
from training.folders import assert_same_weights

from forecasting.config import Recipe
from forecasting.market.panel import Panel, day
from forecasting.training.past_runs import find_run
from forecasting.training.train import FORECASTS, train
from forecasting.workflow.rerun import rerun


def test_sealed_bars_change_nothing(
    recipe: Recipe, market: Panel, store: str, tmp_path: Path
) -> None:
    """Neither weights nor what is logged; and a run that was sealed can be run again."""
    first = day(market.times[560])
    sealed = recipe.model_copy(
        update={"data": recipe.data.model_copy(update={"holdout": 0.8, "features": "close"})}
    )
    plain = recipe.model_copy(update={"data": recipe.data.model_copy(update={"features": "close"})})
    cut = market.at(slice(0, 560))
    one = train(market, sealed, out=tmp_path / "sealed", progress=False)
    other = train(cut, plain, out=tmp_path / "cut", progress=False)
    assert_same_weights(tmp_path / "sealed", tmp_path / "cut")
    assert one.files.recipe.data.holdout == first
    assert one.corpus == other.corpus
    assert f"Sealed from {first}; never opened" in one.files.card
    assert "Hold-out" not in other.files.card
    run = one.files.metrics["mlflow_run_id"]
    logged = find_run(run).read_table(FORECASTS)
    assert logged["origin"].max() == cut.times[-1]
    assert rerun(run, prices=cut, train=True).identical
    assert np.datetime64(first) > cut.times[-1]


def test_openings_outlive_the_model(
    recipe: Recipe, market: Panel, trained: Path, store: str, tmp_path: Path
) -> None:
    """Whoever trains again in the same folder has seen the hold-out all the same."""
    from forecasting.forecaster.openings import begin_opening

    folder = shutil.copytree(trained, tmp_path / "model")
    begin_opening(folder, "evaluate", "2012-01-02", "2012-04-20")
    sealed = recipe.model_copy(update={"data": recipe.data.model_copy(update={"holdout": 0.8})})
    made = train(market, sealed, out=folder, overwrite=True, twin=False, progress=False)
    assert "opened once" in made.files.card
