"""A walk-forward from end to end: judged out of fold, tracked, resumed, and refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from conftest import FASTEST

from forecasting.config import load_recipe
from forecasting.errors import ConfigError, DataError, ModelFileError
from forecasting.evaluation.baselines.ewma import EwmaT
from forecasting.evaluation.baselines.gjr_garch import GjrGarchT
from forecasting.evaluation.scores.proper import score_cells
from forecasting.forecaster.network_forecaster import load_forecaster
from forecasting.market.folds.walk_forward import WalkForwardSettings
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.targets import future_log_returns
from forecasting.training.trial_ledger import trials
from forecasting.workflow.walk_forward import plan, pool
from forecasting.workflow.walk_forward.files import RESULT
from forecasting.workflow.walk_forward.outcome import WalkForward
from forecasting.workflow.walk_forward.walk_forward import walk_forward

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RECIPES = ("jamba-tiny", "gru-twin")
FOLDS = WalkForwardSettings(start=0.6, refit_every=130)
"""Two folds of the 600 bars: from bar 360 and from bar 490."""
BASELINES = (EwmaT, GjrGarchT)


@pytest.fixture(autouse=True)
def two_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two baselines are enough for everything but their own tests."""
    monkeypatch.setattr(plan, "BASELINES", BASELINES)


@pytest.fixture(scope="module")
def walked(prices: Panel, tmp_path_factory) -> tuple[WalkForward, Path, list]:
    """Two recipes with two seeds each, their home folder, and what was said meanwhile."""
    home, said = tmp_path_factory.mktemp("home"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(plan, "BASELINES", BASELINES)
        made = walk_forward(
            prices,
            RECIPES,
            folds=FOLDS,
            seeds=2,
            overrides=FASTEST,
            progress=lambda *words: said.append(words),
        )
    return made, home, said


@pytest.fixture
def copied(walked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a copy of the walk-forward and its MLflow store."""
    _, place, _ = walked
    shutil.copytree(place / "runs", tmp_path / "home" / "runs")
    monkeypatch.setenv("FORECASTING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Folds and names of the tasks that are run from here on."""
    run_task, names = pool.run_task, []

    def noted(task, prices, out):
        names.append((task.fold.index, task.name))
        return run_task(task, prices, out)

    monkeypatch.setattr(pool, "run_task", noted)
    return names


def resumed(prices: Panel, home: Path, **changes) -> WalkForward:
    asked = {"recipes": RECIPES, "folds": FOLDS, "seeds": 2, "overrides": FASTEST} | changes
    return walk_forward(prices, out=home / "runs" / "walk-forward", resume=True, **asked)


def test_everybody_is_judged_on_the_joined_forecasts(walked, prices: Panel) -> None:
    """One loss by hand: date means of the cells that all forecasters have."""
    made, _, _ = walked
    span = prices.at(slice(360, None))
    returns, _ = future_log_returns(span, made.horizons)
    known = np.isfinite(returns)
    for forecast in made.forecasts.values():
        np.testing.assert_array_equal(forecast.times, span.times)
        known &= forecast.law.known
    for seed in made.seeds:
        law = made.forecast("gru-twin", seed).law
        by_date = []
        for t in np.flatnonzero(known[:, :, 1].any(axis=1)):
            cells = (t, np.flatnonzero(known[t, :, 1]), 1)
            by_date.append(score_cells(returns[cells], law[cells])["nll"].mean())
        row = made.by_seed.query("recipe == 'gru-twin' and horizon == 5 and seed == @seed")
        assert row["nll"].item() == pytest.approx(np.mean(by_date))
    assert (made.start, made.tickers) == (span.times[0], prices.tickers)
    own = made.by_seed.query("recipe == 'gru-twin' and horizon == 5")["gain"]
    row = made.gains.query("forecaster == 'gru-twin' and horizon == 5").iloc[0]
    assert (row["gain"], row["spread"]) == pytest.approx((own.mean(), own.std()))


def test_forecasts_are_those_of_the_models_in_the_folds(walked, prices: Panel) -> None:
    made, home, _ = walked
    for fold, start in ((0, 360), (1, 490)):
        place = home / "runs" / "walk-forward" / f"fold-{fold:03d}" / "jamba-tiny" / "seed-1"
        model = load_forecaster(place)
        assert model.corpus.test_start == str(prices.times[start])
        assert model.files.recipe.training.seed == 1
        end = min(start + 130, 600)
        alone = model.forecast(prices.at(slice(end))).between(prices.times[start])
        joined = made.forecast("jamba-tiny", 1).between(alone.times[0], alone.times[-1])
        for name, values in alone.law.parameters().items():
            np.testing.assert_array_equal(joined.law.parameters()[name], values)


def test_ensemble_and_choice_stand_apart(walked) -> None:
    made, _, _ = walked
    names = list(made.gains["forecaster"].unique())
    assert names == [*("jamba-tiny", "gru-twin", "chosen", "EWMA-t", "GJR-GARCH-t")]
    joint = [f"{name} ensemble of 2" for name in (*RECIPES, "chosen")]
    assert list(made.ensembles["forecaster"].unique()) == joint
    assert (made.ensembles["over_single"] >= 0).all()  # the log is concave
    assert set(made.overall["forecaster"]) == {*RECIPES, *joint[:2]}
    mixture, single = made.forecast("jamba-tiny"), made.forecast("jamba-tiny", 0)
    other = made.forecast("jamba-tiny", 1)
    np.testing.assert_allclose(mixture.mean, (single.mean + other.mean) / 2)
    assert made.forecast().name == joint[0]
    best = made.trainings.groupby(["fold", "recipe"])["validation_nll"].mean().unstack()
    best = best[list(RECIPES)]  # the first of equal ones
    assert made.folds["chosen"].tolist() == best.idxmin(axis=1).tolist()
    first = made.folds["chosen"][0]
    blocks = [
        made.forecast(name, 0).between(None, made.folds["test_end"][0])
        for name in ("chosen", first)
    ]
    np.testing.assert_array_equal(blocks[0].mean, blocks[1].mean)
    for wrong in (("nobody", None), ("jamba-tiny", 7)):
        with pytest.raises(ValueError, match="no forecast of"):
            made.forecast(*wrong)


def test_folds_are_told_and_proven(walked, prices: Panel) -> None:
    made, _, said = walked
    assert made.folds["test_start"].tolist() == ["2011-05-23", "2011-11-21"]
    assert made.folds["test_end"].tolist() == ["2011-11-18", "2012-04-20"]
    assert (
        made.folds["test_rows"].sum()
        == np.isfinite(made.forecast("EWMA-t").law.parameters()["scale"][..., 0]).sum()
    )
    assert [audit.fold for audit in made.proof] == [0, 1]
    assert all(audit.smallest_gap >= 1 for audit in made.proof)
    assert set(made.trainings.columns) >= {"validation_nll", "best_step", "seconds"}
    mean = made.by_fold.query("forecaster == 'EWMA-t'")["gain"]
    assert (mean == 0).all()
    assert len(made.by_fold) == 2 * 3 * (3 * 2 + 3 + 2)
    spoken = " ".join(made.notes)
    for words in ("refitted every 130 bars (2 folds", "Proof: in all 2 folds", "Trial ledger:"):
        assert spoken.count(words) == 1
    assert said[0] == ("fitting", 0, 12)
    assert said[-1] == ("scores and tests", 12, 12)
    told = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert told["settings"]["window"] == "expanding"
    assert told["gains"][0]["reference_gain"] is None
    assert made.verdict("gru-twin", 5) in ("BEATS", "NO EVIDENCE", "LOSES")
    with pytest.raises(ValueError, match="no comparison"):
        made.verdict("EWMA-t", 5)


def test_trainings_are_runs_below_that_of_the_walk_forward(walked, copied: Path) -> None:
    made, _, _ = walked
    client = mlflow.MlflowClient(f"sqlite:///{copied / 'runs' / 'mlflow.db'}")
    parent = client.get_run((copied / "runs" / "walk-forward" / "walk_forward_run").read_text())
    assert parent.info.status == "FINISHED"
    gain = made.gains.query("forecaster == 'gru-twin' and horizon == 5")["gain"].item()
    assert parent.data.metrics["gru-twin_gain_over_EWMA-t_h5"] == pytest.approx(gain)
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    assert len(children) == 2 * 2 * 2
    assert {child.info.status for child in children} == {"FINISHED"}
    nll = {
        (int(c.data.params["fold"]), c.data.params["recipe"], int(c.data.params["seed"])): (
            c.data.metrics["validation_nll"]
        )
        for c in children
    }
    for row in made.trainings.itertuples():
        assert nll[row.fold, row.recipe, row.seed] == pytest.approx(row.validation_nll)
    looks = trials().entries
    assert sorted(look.name for look in looks) == [f"walk-forward {r}" for r in sorted(RECIPES)]
    assert {look.status for look in looks} == {"FINISHED"}


def test_resume_runs_only_what_is_not_finished(walked, copied, prices, ran) -> None:
    out = copied / "runs" / "walk-forward"
    (out / "fold-000" / "gru-twin" / "seed-1" / RESULT).unlink()
    shutil.rmtree(out / "fold-001" / "baselines" / "EWMA-t")
    made = resumed(prices, copied)
    assert ran == [(0, "gru-twin, seed 1"), (1, "EWMA-t")]
    pd.testing.assert_frame_equal(made.gains, walked[0].gains)


def test_interrupted_walk_forward_goes_on(
    walked, copied, prices, tmp_path, ran, monkeypatch
) -> None:
    asked = {"recipes": ["gru-twin"], "folds": FOLDS, "seeds": 2, "overrides": FASTEST}
    run_task = pool.run_task

    def interrupted(task, *arguments):
        if (task.fold.index, task.name) == (1, "gru-twin, seed 0"):
            raise KeyboardInterrupt
        return run_task(task, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pool, "run_task", interrupted)
        with pytest.raises(KeyboardInterrupt):
            walk_forward(prices, out=tmp_path / "out", **asked)
    assert len(ran) == 4
    made = walk_forward(prices, out=tmp_path / "out", resume=True, **asked)
    assert len(ran) == 8
    own, same = (each.by_seed.query("recipe == 'gru-twin'") for each in (made, walked[0]))
    pd.testing.assert_frame_equal(own.reset_index(drop=True), same.reset_index(drop=True))
    assert "chosen" not in set(made.gains["forecaster"])


def test_failed_fold_stops_with_one_line_and_loses_nothing(
    copied, prices, tmp_path, monkeypatch
) -> None:
    run_task = pool.run_task

    def failing(task, *arguments):
        if task.fold.index == 1:
            raise DataError("the disk of the exchange is full.")
        return run_task(task, *arguments)

    monkeypatch.setattr(pool, "run_task", failing)
    words = r"fold 1 \(2011-11-21 to 2012-04-20\), gru-twin, seed 0: the disk of the exchange"
    with pytest.raises(DataError, match=words):
        walk_forward(
            prices, ["gru-twin"], folds=FOLDS, seeds=1, overrides=FASTEST, out=tmp_path / "out"
        )
    client = mlflow.MlflowClient(f"sqlite:///{copied / 'runs' / 'mlflow.db'}")
    parent = client.get_run((tmp_path / "out" / "walk_forward_run").read_text())
    assert parent.info.status == "FAILED"
    below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    children = client.search_runs([parent.info.experiment_id], below)
    found = {c.info.run_name: c.info.status for c in children}
    assert found["gru-twin, seed 0, fold 0"] == "FINISHED"
    assert found["gru-twin, seed 0, fold 1"] == "FAILED"
    assert len(list((tmp_path / "out" / "fold-000").rglob(RESULT))) == 3
    assert sorted(look.status for look in trials().entries) == ["FAILED", "FINISHED", "FINISHED"]


def test_results_of_others_and_damaged_ones_are_refused(copied, prices, ran) -> None:
    out = copied / "runs" / "walk-forward"
    with pytest.raises(ConfigError, match=r"already holds a fold.*Pass --resume"):
        walk_forward(prices, RECIPES, folds=FOLDS, seeds=2, overrides=FASTEST, out=out)
    with pytest.raises(ConfigError, match="of another recipe, of other prices or of another fold"):
        resumed(prices, copied, overrides=(*FASTEST, "training.learning_rate=0.1"))
    with pytest.raises(ConfigError, match="of another recipe, of other prices"):
        resumed(prices.select(["AAA", "BBB", "CCC"]), copied)
    with pytest.raises(ConfigError, match="of another recipe, of other prices"):
        resumed(prices, copied, folds=replace(FOLDS, validation=0.3))
    result = out / "fold-001" / "gru-twin" / "seed-0" / RESULT
    whole = result.read_bytes()
    for damaged in (whole[:-40], whole[:-3] + b"abc", b"", b"{}" * 50):
        result.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=r"is damaged .* Delete"):
            resumed(prices, copied)
    result.write_bytes(whole)
    shutil.copy(out / "fold-000/gru-twin/seed-0/model.safetensors", result.parent)
    with pytest.raises(ModelFileError, match="its sum is wrong"):
        resumed(prices, copied)
    assert ran == []


def test_later_bars_leave_finished_folds_alone(copied, prices, ran) -> None:
    """A history that has grown meanwhile: only the fold whose test has grown is run again."""
    out = copied / "runs" / "walk-forward"
    shutil.rmtree(out / "fold-001")
    fewer = prices.at(slice(580))
    made = resumed(fewer, copied, folds=replace(FOLDS, start=str(prices.times[360])[:10]))
    assert {fold for fold, _ in ran} == {1}
    assert made.folds["test_end"].tolist()[-1] == str(prices.times[579])[:10]


def test_one_ticker_one_fold_one_seed(copied, prices: Panel, tmp_path: Path) -> None:
    alone = prices.select(["BBB"])
    folds = WalkForwardSettings(start=0.97, refit_every=252, validation=60)
    with pytest.raises(DataError, match="the test span has 18 bars"):
        walk_forward(
            alone, ["gru-twin"], folds=folds, seeds=1, overrides=FASTEST, out=tmp_path / "out"
        )
    long = replace(alone, times=alone.times)
    many = (*FASTEST, "data.horizons=[1,5]")
    folds = replace(folds, start=0.985)
    made = walk_forward(
        long, ["gru-twin"], folds=folds, seeds=1, overrides=many, out=tmp_path / "out"
    )
    assert made.tickers == ("BBB",)
    assert made.gains["spread"].isna().all()
    spoken = " ".join(made.notes)
    for words in ("fitted once, tested forward, on all bars", "One seed:", "No test at 5 bars"):
        assert spoken.count(words) == 1
    assert made.forecast() is made.forecast("gru-twin", 0)


def test_a_constant_series_and_a_late_listing_are_stated(copied, prices, tmp_path) -> None:
    values = prices.values.copy()
    flat = [COLUMNS.index(name) for name in ("open", "high", "low", "close", "adj_close")]
    values[:400, 1, flat] = 70.0
    values[:400, 3] = np.nan
    market = replace(prices, values=values)
    made = walk_forward(
        market, ["gru-twin"], folds=FOLDS, seeds=1, overrides=FASTEST, out=tmp_path / "out"
    )
    assert made.folds["tickers"].tolist() == [2, 4]
    assert any("do not know them" in n and "BBB (1), DDD (1)" in n for n in made.notes)
    forecast = made.forecast()
    assert not forecast.mask[:130, [1, 3]].any()
    assert forecast.mask[130:, [1, 3]].any()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"recipes": ("gru-twin", "gru-twn")}, ConfigError, "Did you mean 'gru-twin'"),
        ({"recipes": ("gru-twin", "gru-twin")}, ConfigError, "two forecasters are called"),
        ({"recipes": ()}, ValueError, "at least one recipe, seed, worker and thread"),
        ({"workers": 0}, ValueError, "at least one recipe, seed, worker and thread"),
        (
            {"folds": replace(FOLDS, window_bars=30, validation=5)},
            ConfigError,
            "context_length = 32 of gru-twin: fold 0 has a window of 30 bars",
        ),
        (
            {"folds": replace(FOLDS, start=0.15)},
            DataError,
            r"fold 0 \(2010-05-10 to 2010-11-05\) has no training data to speak of: .* got",
        ),
        ({"folds": replace(FOLDS, start="2031-01-01")}, DataError, "starts on 2031-01-01"),
        ({"folds": replace(FOLDS, validation=10)}, DataError, "fold 0 has no validation rows"),
    ],
)
def test_refused_before_anything_is_trained(changes, error, words, prices, tmp_path, ran) -> None:
    asked = {"recipes": ("gru-twin",), "folds": FOLDS, "seeds": 1, "overrides": FASTEST}
    with pytest.raises(error, match=words):
        walk_forward(prices, out=tmp_path / "out", **(asked | changes))
    assert ran == []
    assert not (tmp_path / "out").exists()


def test_holdouts_have_to_agree_and_stay_sealed(copied, prices, tmp_path) -> None:
    sealed = load_recipe("gru-twin", (*FASTEST, "data.holdout=2012-01-02"))
    open_ = load_recipe("jamba-tiny", FASTEST)
    asked = {"folds": replace(FOLDS, start="2011-05-23"), "seeds": 1, "out": tmp_path / "out"}
    with pytest.raises(ConfigError, match=r"data.holdout is 2012-01-02 in gru-twin and None"):
        walk_forward(prices, [sealed, open_], **asked)
    made = walk_forward(prices, [sealed], **asked)
    assert made.folds["test_end"].tolist()[-1] == "2011-12-30"
    assert any(note.startswith("Sealed hold-out: 80 bars from 2012-01-02") for note in made.notes)
    model = load_forecaster(tmp_path / "out" / "fold-001" / "gru-twin" / "seed-0")
    assert model.files.recipe.data.holdout == "2012-01-02"
