"""Recipes compared on the same cells, over seeds; kept and continued on request."""

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import FASTEST

import forecasting as fc
from forecasting.config import load_recipe
from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.baselines import registry
from forecasting.evaluation.comparison.diebold_mariano import diebold_mariano
from forecasting.evaluation.scores.cells import Cells
from forecasting.forecast.significance import Verdict
from forecasting.forecaster.model_folder import RUN_FILE
from forecasting.market.features import feature_names
from forecasting.market.panel import Panel
from forecasting.workflow import judging, trainings
from forecasting.workflow.comparison import Comparison, gain_table
from forecasting.workflow.throughput import training_rate

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RECIPES = ("jamba-tiny", "gru-twin")
QUICK = (*FASTEST, "data.features=ohlcv")
BASELINES = tuple(kind.name for kind in registry.BASELINES)
ENSEMBLES = tuple(f"{recipe} ensemble of 2" for recipe in RECIPES)


@pytest.fixture(scope="module")
def compared(prices: Panel, tmp_path_factory) -> tuple[Comparison, Path, list[str]]:
    """Two recipes with two seeds each, their home folder, and what was said meanwhile."""
    home, words = tmp_path_factory.mktemp("home"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        made = fc.compare(prices, RECIPES, seeds=2, overrides=QUICK, progress=words.append)
    return made, home, words


@pytest.fixture
def comparison_home(compared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the comparison: nothing that is asked again needs training or a new store."""
    monkeypatch.setenv("FORECASTING_HOME", str(compared[1]))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return compared[1]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the folders that are trained in from now on."""
    folders: list[str] = []
    train = trainings.train

    def counting(*arguments, out, **options):
        folders.append(f"{out.parent.name}/{out.name}")
        return train(*arguments, out=out, **options)

    monkeypatch.setattr(trainings, "train", counting)
    return folders


@pytest.fixture
def copy(compared, comparison_home: Path, tmp_path: Path) -> Path:
    """The finished trainings, to change."""
    return shutil.copytree(comparison_home / "runs" / "compare", tmp_path / "copy")


def resumed(prices: Panel, out: Path, **options) -> Comparison:
    asked = {"recipes": RECIPES, "seeds": 2, "overrides": QUICK} | options
    return fc.compare(prices, **asked, out=out, resume=True)


def test_every_forecaster_stands_on_the_same_cells(
    compared, prices: Panel, comparison_home: Path
) -> None:
    made, _, _ = compared
    assert (made.recipes, made.seeds, made.horizons) == (RECIPES, (0, 1), (1, 5, 21))
    for horizon in made.horizons:
        rows = made.gains[made.gains["horizon"] == horizon]
        assert tuple(rows["forecaster"]) == RECIPES + BASELINES
    model = fc.load_model(comparison_home / "runs" / "compare" / "gru-twin" / "seed-1")
    assert model.files.metrics["seed"] == 1
    alone = judging.evaluate(model, prices, track=False)
    assert (alone.start, alone.end, alone.n_dates) == (made.start, made.end, made.n_dates)
    own = made.by_seed.query("recipe == 'gru-twin' and seed == 1")
    np.testing.assert_allclose(own["nll"], alone.scores.query("forecaster == 'gru-twin'")["nll"])
    np.testing.assert_allclose(own["gain"], alone.verdicts.query("rival == 'EWMA-t'")["gain"])


def test_gains_are_means_over_seeds_and_spread_stands_beside_them(compared) -> None:
    made, _, _ = compared
    by_seed = made.by_seed.groupby(["recipe", "horizon"])["gain"]
    for row in made.gains.to_dict(orient="records"):
        if row["forecaster"] in RECIPES:
            own = by_seed.get_group((row["forecaster"], row["horizon"]))
            assert row["gain"] == pytest.approx(own.mean())
            assert row["spread"] == pytest.approx(own.std())
            assert row["spread"] > 0
        else:
            assert np.isnan(row["spread"])


def test_verdicts_are_of_losses_averaged_over_seeds_date_by_date() -> None:
    rng = np.random.default_rng(0)
    dates = np.repeat(np.arange(60), 2)
    nll = {name: rng.normal(size=120) + (name == "EWMA-t") for name in ("a0", "a1", "b", "EWMA-t")}
    scores = {name: pd.DataFrame({"nll": values}) for name, values in nll.items()}
    cells = Cells(5, dates, np.tile([0, 1], 60), np.zeros(120), scores, {})
    table = gain_table([cells], {"a": ["a0", "a1"], "b": ["b"], "EWMA-t": ["EWMA-t"]})
    daily = {name: values.reshape(60, 2).mean(axis=1) for name, values in nll.items()}
    daily["a"] = (daily["a0"] + daily["a1"]) / 2
    for (name, rival), prefix in {
        ("a", "EWMA-t"): "",
        ("b", "EWMA-t"): "",
        ("b", "a"): "reference_",
        ("EWMA-t", "a"): "reference_",
    }.items():
        expected = diebold_mariano(daily[rival] - daily[name], 5)
        found = table.set_index("forecaster").loc[name]
        assert found[f"{prefix}gain"] == pytest.approx(expected.gain)
        assert found[f"{prefix}t"] == pytest.approx(expected.t)
        assert found[f"{prefix}verdict"] == expected.verdict


def test_nobody_is_tested_against_itself(compared) -> None:
    made, _, _ = compared
    by_name = made.gains.set_index("forecaster")
    assert set(by_name.loc["EWMA-t", "verdict"]) == {""}
    assert set(by_name.loc[RECIPES[0], "reference_verdict"]) == {""}
    assert made.verdict("gru-twin", 5) in tuple(Verdict)
    for name, horizon in (("gru-twin", 7), ("nobody", 5), (RECIPES[0], 5)):
        with pytest.raises(ValueError, match="no comparison"):
            made.verdict(name, horizon)
    # Per horizon: all but one against EWMA-t, all but two against the first, and two ensembles.
    tests = 3 * (2 + len(BASELINES) - 1 + 2 + len(BASELINES) - 2 + 2)
    assert [note for note in made.notes if note.startswith(f"{tests} verdicts at two-sided 5 %")]


def test_joint_forecasts_stand_apart_and_gain_over_single_ones(compared) -> None:
    made, _, _ = compared
    assert not set(ENSEMBLES) & set(made.gains["forecaster"])
    assert tuple(made.ensembles["forecaster"]) == 3 * ENSEMBLES
    for row in made.ensembles.to_dict(orient="records"):
        single = made.gains.query("horizon == @row['horizon'] and forecaster == @row['recipe']")
        # The logarithm is concave: no mixture does worse than its members on average.
        assert row["over_single"] >= 0
        assert row["nll"] == pytest.approx(single["nll"].iloc[0] - row["over_single"])
        assert row["gain"] == pytest.approx(single["gain"].iloc[0] + row["over_single"])
        assert row["verdict"] in tuple(Verdict)


def test_everyone_is_judged_against_all_baselines(compared) -> None:
    made, _, _ = compared
    for horizon in made.horizons:
        rows = made.overall[made.overall["horizon"] == horizon]
        assert tuple(rows["forecaster"]) == (*RECIPES, *ENSEMBLES, RECIPES[0])
        *alone, everyone = rows.to_dict(orient="records")
        assert {row["n_rivals"] for row in alone} == {len(BASELINES)}
        assert (everyone["against"], everyone["n_rivals"]) == ("all", len(BASELINES) + 1)
        assert set(everyone["confidence_set"].split(", ")) <= {*RECIPES, *BASELINES}


def test_table_and_dictionary_tell_all(compared) -> None:
    made, _, _ = compared
    assert len(made.table()) == 3 * (2 + len(BASELINES))
    first = made.table().iloc[0]
    assert first["parameters"] > first["active_parameters"] > 0
    assert first["training_rate"] > 0
    assert first["forecasting_rate"] > 0
    told = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert [row["recipe"] for row in told["networks"]] == list(RECIPES)
    assert told["gains"][0]["reference_gain"] is None
    assert len(told["ensembles"]) == 6
    assert len(told["overall"]) == 15
    assert told["start"] == "2011-08-15"


@pytest.mark.parametrize("distribution", ["student_t", "quantile"])
def test_speed_is_measured_without_touching_chance(distribution: str) -> None:
    settings, before = (f"network.distribution={distribution}", *QUICK), torch.get_rng_state()
    recipe = load_recipe("gru-twin", settings)
    assert training_rate(recipe, feature_names("close")) > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_counts_the_trainings_and_the_time_left(compared) -> None:
    _, _, words = compared
    said = [word for word in words if word.startswith("training ")]
    for k, (word, name) in enumerate(zip(said, np.repeat(RECIPES, 2), strict=True)):
        assert word.startswith(f"training {name}, seed {k % 2} ({k + 1} of 4, about ")
        assert word.endswith(" left)")


def test_trainings_are_runs_below_that_of_the_comparison(compared, comparison_home: Path) -> None:
    made, _, _ = compared
    client = mlflow.MlflowClient(f"sqlite:///{comparison_home / 'runs' / 'mlflow.db'}")
    parent = (comparison_home / "runs" / "compare" / "comparison_run").read_text()
    assert client.get_run(parent).info.status == "FINISHED"
    metrics = client.get_run(parent).data.metrics
    gain = made.gains.set_index(["forecaster", "horizon"]).loc[("gru-twin", 5)]
    assert metrics["gru-twin_gain_over_jamba-tiny_h5"] == pytest.approx(gain["reference_gain"])
    for recipe in RECIPES:
        for seed in made.seeds:
            model = fc.load_model(comparison_home / "runs" / "compare" / recipe / f"seed-{seed}")
            child = client.get_run(model.files.metrics["mlflow_run_id"])
            assert child.data.tags["mlflow.parentRunId"] == parent
            assert "test_gain_over_EWMA-t_h21" in child.data.metrics
            assert not (model.folder / "twin").exists()


def test_resume_trains_only_what_is_not_finished(compared, copy, prices, trained) -> None:
    shutil.rmtree(copy / "gru-twin" / "seed-1")
    (copy / "jamba-tiny" / "seed-0" / RUN_FILE).write_text("0" * 32)
    made = resumed(prices, copy)
    assert trained == ["jamba-tiny/seed-0", "gru-twin/seed-1"]
    pd.testing.assert_frame_equal(made.gains, compared[0].gains)
    assert not (copy / "jamba-tiny" / "seed-0" / RUN_FILE).exists()


def test_interrupted_comparison_goes_on(
    compared, comparison_home, prices, tmp_path, monkeypatch
) -> None:
    train = trainings.train

    def interrupted(*arguments, out, **options):
        if out.name == "seed-1":
            raise KeyboardInterrupt
        return train(*arguments, out=out, **options)

    asked = {"recipes": ["gru-twin"], "seeds": 2, "overrides": QUICK, "out": tmp_path / "out"}
    with monkeypatch.context() as patch:
        patch.setattr(trainings, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fc.compare(prices, **asked)
    run_id = (tmp_path / "out" / "comparison_run").read_text()
    made = fc.compare(prices, **asked, resume=True)
    assert (tmp_path / "out" / "comparison_run").read_text() == run_id
    own, same = (each.by_seed.query("recipe == 'gru-twin'") for each in (made, compared[0]))
    pd.testing.assert_frame_equal(own.reset_index(drop=True), same.reset_index(drop=True))


def test_one_seed_has_no_spread(compared, copy, prices, trained) -> None:
    made = resumed(prices, copy, seeds=1)
    assert trained == []
    assert made.gains["spread"].isna().all()
    assert {row["spread"] for row in made.to_dict()["gains"]} == {None}
    assert made.ensembles.empty
    assert made.to_dict()["ensembles"] == []
    assert any(note.startswith("One seed:") for note in made.notes)
    assert np.isfinite(made.gains["nll"]).all()


def test_folders_are_not_mixed_up(copy, prices, trained) -> None:
    with pytest.raises(ConfigError, match=r"seed-0 already holds a training.*Pass --resume"):
        fc.compare(prices, RECIPES, seeds=2, overrides=QUICK, out=copy)
    other = (*QUICK, "training.learning_rate=0.1")
    with pytest.raises(ConfigError, match="holds a training of another recipe"):
        resumed(prices, copy, overrides=other)
    with pytest.raises(ConfigError, match="or of other prices"):
        resumed(prices.select(["AAA", "BBB", "CCC"]), copy)
    assert trained == []


def test_recipes_that_cannot_be_compared(prices, tmp_path, trained) -> None:
    out = tmp_path / "out"
    tiny = load_recipe("jamba-tiny", QUICK)
    later = load_recipe("gru-twin", (*QUICK, "data.test_start=0.8"))
    for wrong, expected in (
        (("jamba-tiny", "gru-twn"), "Did you mean 'gru-twin'"),
        (("jamba-tiny", "jamba-tiny"), "two forecasters are called 'jamba-tiny'"),
        ((tiny, tiny.model_copy(update={"name": "linear-t"})), "are called 'linear-t'"),
        ((tiny, later), "data.test_start is 0.7 in jamba-tiny and 0.8 in gru-twin"),
    ):
        with pytest.raises(ConfigError, match=expected):
            fc.compare(prices, wrong, out=out)
    for wrong, options in (((), {}), (RECIPES, {"seeds": 0}), ((tiny,), {"overrides": ("a=1",)})):
        with pytest.raises(ValueError, match=r"expected recipes and seeds|overrides change"):
            fc.compare(prices, wrong, out=out, **options)
    assert not out.exists()
    assert trained == []


def test_prices_are_refused_before_the_first_training(prices, tmp_path, trained) -> None:
    long = (*QUICK[:3], "training.context_length=5000")
    with pytest.raises(ConfigError, match="context_length = 5000"):
        fc.compare(prices, RECIPES, overrides=long, out=tmp_path / "out")
    few = prices.select(["AAA"])
    with pytest.raises(DataError, match=r"expected 500 .* got 333"):
        fc.compare(few, RECIPES, overrides=QUICK, out=tmp_path / "out")
    assert trained == []
