"""Starting from a trained model: from its own forecasts, in its own units, with its own past."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from training.folders import Killed, contents

from forecasting.config import Recipe, load_recipe
from forecasting.errors import ConfigError, DataError, ForecastingError
from forecasting.forecaster.model_folder import FILES, RUN_FILE
from forecasting.forecaster.network_forecaster import (
    NetworkForecaster,
    load_forecaster,
    network_law,
)
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.simulation import simulate
from forecasting.nn.adapters import Tune
from forecasting.training import train as train_module
from forecasting.training.default_recipe import DEFAULT_RECIPE
from forecasting.training.examples import Pretrained, choose_recipe, prepare, start_from
from forecasting.training.fit import Fit, fit
from forecasting.training.tracking import Run
from forecasting.training.train import train

# The tests ask MLflow themselves, and its database layer warns about its own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TUNES: tuple[Tune, ...] = ("all", "head", "adapters")


@pytest.fixture(scope="module")
def elsewhere() -> Panel:
    """Another market, none of whose tickers the model knows."""
    panel = simulate("volatility", n_tickers=3, n_bars=600, seed=5)
    return replace(panel, tickers=("XAA", "XBB", "XCC"))


@pytest.fixture(scope="module")
def model(trained: Path) -> NetworkForecaster:
    return load_forecaster(trained)


@pytest.fixture
def tuned(model: NetworkForecaster, elsewhere: Panel, tmp_path: Path) -> Callable[..., Fit]:
    """Fits the model's network to the other market."""

    def run(tune: Tune, *, folder: str = "a", settings: dict | None = None, **options) -> Fit:
        start = Pretrained(model, tune)
        recipe = changed(model.files.recipe, **(settings or {}))
        examples = prepare(recipe, elsewhere, start)
        return fit(
            recipe,
            examples.sequences,
            examples.split,
            checkpoints=tmp_path / folder,
            start=start,
            progress=False,
            **options,
        )

    return run


def changed(recipe: Recipe, **training: object) -> Recipe:
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=training)})


def kill_at(step: int) -> Callable[[dict, int], None]:
    def report(metrics: dict, at: int) -> None:
        if at == step:
            raise Killed

    return report


# Fitting.


@pytest.mark.parametrize("tune", TUNES)
def test_before_the_first_step_it_forecasts_as_the_model_does(tune, tuned, model, elsewhere):
    """No step improves anything at this rate, so that the start is what is left."""
    fitted = tuned(tune, settings={"learning_rate": 1e-30, "max_steps": 3})
    assert (fitted.best_step, fitted.best_nll) == (0, fitted.start_nll)
    assert fitted.start_nll != fitted.baseline_nll
    sequences = prepare(model.files.recipe, elsewhere, Pretrained(model, tune)).sequences
    found, expected = (network_law(each, sequences) for each in (fitted.network, model.network))
    for name, parameter in found.parameters().items():
        np.testing.assert_array_equal(parameter, getattr(expected, name))
    state = model.network.state_dict()
    for name, value in fitted.network.state_dict().items():
        assert torch.equal(value, state[name]), name


@pytest.mark.parametrize("tune", TUNES)
def test_it_learns_and_ends_plain(tune, tuned, model):
    fitted = tuned(tune, settings={"learning_rate": 0.006})
    before, after = model.network.state_dict(), fitted.network.state_dict()
    assert {k: v.shape for k, v in after.items()} == {k: v.shape for k, v in before.items()}
    assert fitted.best_nll < fitted.start_nll
    fixed = {name for name in before if torch.equal(before[name], after[name])}
    # The units are kept.
    for name in ("feature_mean", "feature_std", "usual_gap", "head.base_scale", "head.base_df"):
        assert name in fixed
    experts = "backbone.layers.1.feed_forward.experts.down_proj"
    matrix = "backbone.layers.0.mamba.in_proj.weight"
    assert (experts in fixed, matrix in fixed) == {
        "all": (False, False),
        "head": (True, True),
        "adapters": (True, False),
    }[tune]
    total = sum(p.numel() for p in model.network.parameters())
    assert (fitted.n_learning == total) == (tune == "all")


def test_the_baseline_is_ewma_t_of_the_new_rows(tuned, model, elsewhere, tmp_path):
    """What the scores are compared with does not depend on where the weights come from."""
    examples = prepare(model.files.recipe, elsewhere)
    recipe = changed(model.files.recipe, max_steps=3)
    folder = tmp_path / "b"
    fresh = fit(recipe, examples.sequences, examples.split, checkpoints=folder, progress=False)
    assert tuned("head", settings={"max_steps": 3}).baseline_nll == fresh.baseline_nll


@pytest.mark.parametrize("tune", TUNES)
def test_killed_and_resumed_it_ends_with_the_same_bits(tune, tuned):
    whole = tuned(tune, folder="whole")
    with pytest.raises(Killed):
        tuned(tune, report=kill_at(6))
    torch.manual_seed(99)  # another process starts with another random state
    resumed = tuned(tune, resume=True)
    assert [metrics["step"] for metrics in resumed.history] == [6, 9]
    assert (resumed.best_step, resumed.best_nll) == (whole.best_step, whole.best_nll)
    weights = resumed.network.state_dict()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(weights[name], value), name


def test_a_tuning_is_resumed_by_itself_only(tuned):
    with pytest.raises(Killed):
        tuned("head", report=kill_at(6))
    with pytest.raises(ConfigError, match="another --from or --tune") as caught:
        tuned("adapters", resume=True)
    assert "\n" not in str(caught.value)


def test_adapters_learn_in_half_precision(tuned):
    fitted = tuned("adapters", settings={"precision": "bfloat16", "max_steps": 3})
    assert np.isfinite(fitted.history[-1]["validation_nll"])


# What the model saw is seen.


def dated(recipe: Recipe, validation: int, test: int, prices: Panel) -> Recipe:
    dates = {"validation_start": validation, "test_start": test}
    data = {name: str(prices.times[bar])[:10] for name, bar in dates.items()}
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=data)})


def test_what_the_model_had_seen_stays_locked(model, market):
    """Trained up to bar 490, tuned up to bar 400: bars before 490 are in sample."""
    early = dated(model.files.recipe, 300, 400, market)
    corpus = prepare(early, market, Pretrained(model, "head")).corpus
    assert not prepare(early, market).corpus.seen(market.times[400])
    assert model.corpus.test_start == corpus.test_start == str(market.times[490])
    assert corpus.seen(market.times[489])
    assert not corpus.seen(market.times[490])
    (note,) = corpus.notes()
    assert note.startswith("The validation score flatters: jamba-tiny, where the weights come from")
    assert corpus.test_start[:10] in note
    later = dated(model.files.recipe, 500, 600, market)
    corpus = prepare(later, market, Pretrained(model, "head")).corpus
    assert np.datetime64(corpus.test_start) == market.times[600]
    assert corpus.notes() == ()


def test_the_lineage_says_where_the_weights_come_from(model, elsewhere, market):
    start = Pretrained(model, "adapters")
    corpus = prepare(model.files.recipe, elsewhere, start).corpus
    (parent,) = corpus.parents
    assert (parent.name, parent.tune) == ("jamba-tiny", "adapters")
    assert (parent.vintage, parent.tickers) == (market.vintage, market.tickers)
    assert np.datetime64(parent.first) == market.times[0]
    assert np.datetime64(parent.last) == market.times[489]
    assert all(corpus.knows(ticker) for ticker in (*market.tickers, *elsewhere.tickers))
    assert not corpus.knows("ZZZ")
    again = NetworkForecaster(replace(model.files, corpus=corpus), model.network)
    second = prepare(model.files.recipe, elsewhere, Pretrained(again, "head")).corpus
    assert [each.tune for each in second.parents] == ["adapters", "head"]
    assert second.parents[0] == parent
    assert second.parents[1].weights == parent.weights
    assert second.test_start == max(corpus.test_start, parent.test_start)


# The whole training.


def test_a_tuned_model_is_a_plain_folder_with_its_lineage(
    store, model, trained, elsewhere, tmp_path
):
    out, before = tmp_path / "tuned", contents(trained)
    made = train(elsewhere, from_model=trained, tune="adapters", out=out, progress=False)
    assert set(contents(out)) == {*FILES, *(f"twin/{name}" for name in FILES)}
    assert contents(trained) == before
    assert made.name == "jamba-tiny-tuned"
    assert made.files.recipe.network == model.files.recipe.network
    assert made.corpus.tickers == elsewhere.tickers
    assert made.corpus == load_forecaster(out).corpus
    assert made.forecast(elsewhere).notes == ()
    metrics = made.files.metrics
    assert metrics["validation_nll"] <= metrics["zero_shot_validation_nll"]
    assert metrics["learning_parameters"] < metrics["parameters"]
    for told in ("started from | jamba-tiny (weights", "low-rank adapters", "zero-shot", "EWMA-t"):
        assert told in made.files.card
    params = mlflow.MlflowClient(store).get_run(metrics["mlflow_run_id"]).data.params
    assert (params["from_model"], params["tune"]) == ("jamba-tiny", "adapters")
    assert params["from_weights"] == made.corpus.parents[0].weights
    twin = load_forecaster(out / "twin")
    assert twin.corpus.parents == ()
    assert "zero_shot_validation_nll" not in twin.files.metrics
    assert "started from" not in twin.files.card


def test_what_never_improved_stays_the_model(store, model, trained, market, tmp_path):
    """And the card says that validation was no news to it."""
    early = dated(model.files.recipe, 300, 400, market)
    never = changed(early, learning_rate=1e4, max_steps=3)
    out = tmp_path / "mine"
    made = train(market, never, from_model=trained, out=out, twin=False, progress=False)
    assert made.files.metrics["best_step"] == 0
    assert "Training never improved on jamba-tiny: these ARE its weights." in made.files.card
    assert made.corpus.notes()[0] in made.files.card
    assert f"labels known before {str(market.times[400])[:10]}" in made.files.card
    assert f"from {str(market.times[490])[:10]}: evaluate there" in made.files.card
    np.testing.assert_array_equal(made.forecast(market).law.scale, model.forecast(market).law.scale)


def test_an_interrupted_tuning_is_resumed_with_the_same_start(
    store, trained, elsewhere, tmp_path, monkeypatch
):
    """Killed in the twin: the tuned model itself lies there already."""

    def log_metrics(self: Run, metrics: dict, step: int | None = None) -> None:
        if "twin_validation_nll" in metrics:
            raise Killed

    options = {"from_model": trained, "out": tmp_path / "mine", "progress": False}
    with monkeypatch.context() as patch:
        patch.setattr(Run, "log_metrics", log_metrics)
        with pytest.raises(Killed):
            train(elsewhere, tune="head", **options)
    before = contents(tmp_path / "mine")
    for other in ({"tune": "adapters"}, {"from_model": trained / "twin", "tune": "head"}):
        with pytest.raises(ConfigError, match="of another start"):
            train(elsewhere, resume=True, **(options | other))
    assert contents(tmp_path / "mine") == before
    made = train(elsewhere, tune="head", resume=True, **options)
    assert not (tmp_path / "mine" / RUN_FILE).exists()
    assert load_forecaster(tmp_path / "mine" / "twin").corpus.tickers == made.corpus.tickers


# Which recipe.


def test_the_recipe_is_the_models_own_by_default(trained, model):
    start = start_from(trained, "all")
    own = choose_recipe(None, ("training.max_steps=2",), start)
    assert own.name == "jamba-tiny-tuned"
    assert own.model_copy(
        update={"name": "jamba-tiny", "training": model.files.recipe.training}
    ) == (model.files.recipe)
    assert own.training.max_steps == 2
    gentle, first = choose_recipe(None, (), start).training, model.files.recipe.training
    assert gentle.learning_rate == pytest.approx(first.learning_rate / 3)
    assert gentle.max_steps == first.max_steps == 9
    assert gentle.warmup_steps == 1
    assert choose_recipe("gru-twin", (), start).training == load_recipe("gru-twin").training
    assert choose_recipe(None, ("name=mine",), start).name == "mine"
    assert choose_recipe("gru-twin", (), start).name == "gru-twin"
    assert choose_recipe(None, (), None).name == DEFAULT_RECIPE
    assert start_from(None, "all") is None
    long = replace(model.files, recipe=model.files.recipe.model_copy(update={"name": "a" * 40}))
    forecaster = NetworkForecaster(long, model.network, trained)
    assert choose_recipe(None, (), Pretrained(forecaster, "all")).name == "a" * 34 + "-tuned"


# Refused: one line, and nothing is written.


@pytest.fixture
def never_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*arguments, **options):
        raise AssertionError("training began")

    monkeypatch.setattr(train_module, "fit_recipe", fit)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("network.hidden_size=32",), r"network.hidden_size = 32: jamba-tiny has 16"),
        (("network.dropout=0.1",), r"network.dropout = 0.1: jamba-tiny has 0.3"),
        (("data.horizons=[1]",), r"data.horizons = \(1,\): jamba-tiny has \(1, 5, 21\)"),
        (("data.volatility_decay=0.9",), r"data.volatility_decay = 0.9: jamba-tiny has 0.94"),
        (("data.features=close",), "data.features = close: jamba-tiny has ohlcv"),
    ],
)
def test_a_recipe_that_the_weights_do_not_fit_is_refused(
    overrides, reason, never_fit, trained, elsewhere, tmp_path
):
    with pytest.raises(ConfigError, match=reason) as caught:
        train(elsewhere, from_model=trained, overrides=overrides, out=tmp_path / "mine")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def without(prices: Panel, *columns: str) -> Panel:
    values = prices.values.copy()
    values[..., [COLUMNS.index(column) for column in columns]] = np.nan
    return replace(prices, values=values)


def untraded(prices: Panel) -> Panel:
    """One ticker without a single trade, as many files write 'no volume'."""
    values = prices.values.copy()
    values[:, 0, COLUMNS.index("volume")] = 0.0
    return replace(prices, values=values)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda p: without(p, "open", "volume"), "lacks open, volume of some ticker: jamba-tiny"),
        (untraded, "lacks volume of some ticker: jamba-tiny was"),
        (lambda p: replace(p, interval="1h"), "has 1h bars: jamba-tiny was trained on 1d bars"),
    ],
)
def test_prices_that_do_not_fit_the_model_are_refused(
    spoil, reason, never_fit, trained, elsewhere, tmp_path
):
    with pytest.raises(DataError, match=reason) as caught:
        train(spoil(elsewhere), from_model=trained, out=tmp_path / "mine")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_model_to_start_from_is_not_overwritten(never_fit, trained, elsewhere, tmp_path):
    out = tmp_path / "model"
    shutil.copytree(trained, out)
    before = contents(out)
    for origin in (out, out / "twin"):
        with pytest.raises(ConfigError, match="holds the model to start from"):
            train(elsewhere, from_model=origin, out=out, overwrite=True)
    assert contents(out) == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tune": "head"}, "tune head: expected a trained model"),
        ({"from_model": "nowhere"}, "no model 'nowhere'"),
    ],
)
def test_a_start_that_is_not_there_is_refused(options, reason, never_fit, elsewhere):
    with pytest.raises(ForecastingError, match=reason):
        train(elsewhere, **options)


def test_another_way_to_tune_is_refused(never_fit, trained, elsewhere):
    with pytest.raises((ValueError, TypeError)):
        train(elsewhere, from_model=trained, tune="lora")  # type: ignore[arg-type]
