"""Learning range variance and rank beside the return, with one network."""

import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from future import KINDS, change_future
from training.conftest import SMALL

from forecasting.config import Recipe, load_recipe
from forecasting.forecaster.network_forecaster import NetworkForecaster, build_network
from forecasting.market.panel import COLUMNS, Panel
from forecasting.market.simulation import simulate
from forecasting.nn.network import ForecastNetwork
from forecasting.training.examples import prepare
from forecasting.training.fit import Fit, fit
from forecasting.training.module import NetworkModule
from forecasting.training.train import train
from forecasting.training.windows import Batch

TASKS = ("range_variance", "rank")
HORIZONS = (1, 5, 21)

# Lightning and MLflow warn about their own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def make_recipe(weight: float, tasks: tuple[str, ...] = TASKS, more: tuple = ()) -> Recipe:
    asked = f"network.tasks=[{', '.join(tasks)}]"
    weights = (f"training.task_weights.{task}={weight}" for task in tasks)
    return load_recipe("jamba-tiny", (*SMALL, asked, *weights, *more))


@pytest.fixture(scope="module")
def market() -> Panel:
    return simulate("volatility", n_tickers=6, n_bars=500)


@pytest.fixture(scope="module")
def closes(market: Panel) -> Panel:
    """The same market in a source of adjusted closes."""
    values = np.full_like(market.values, np.nan)
    column = COLUMNS.index("adj_close")
    values[:, :, column] = market.values[:, :, column]
    return replace(market, values=values)


def run(recipe: Recipe, panel: Panel, folder: Path) -> Fit:
    examples = prepare(recipe, panel)
    return fit(
        recipe,
        examples.sequences,
        examples.split,
        checkpoints=folder / "checkpoints",
        progress=False,
    )


def task_metrics(fitted: Fit) -> set[str]:
    names = {f"{part}_{task}" for part in ("train", "validation") for task in TASKS}
    return names & set.union(*(set(metrics) for metrics in fitted.history))


# The loss, and what is masked.


@pytest.fixture
def network() -> ForecastNetwork:
    torch.manual_seed(0)
    recipe = make_recipe(0.1)
    features = ("log_gap", *map(str, range(6)))
    network = build_network(recipe, features).eval()
    for parameter in (*network.task_heads.parameters(), *network.head.parameters()):
        torch.nn.init.normal_(parameter, std=0.3)
    return network


@pytest.fixture
def batch() -> Batch:
    draw = torch.Generator().manual_seed(1)
    variance, rank, returns = torch.randn(3, 3, 40, 3, generator=draw)
    variance[0, 5:9] = torch.nan
    rank[1, :, 2] = torch.nan
    returns[2, 30:] = torch.nan
    features = torch.randn(3, 40, 7, generator=draw)
    bar = torch.arange(features.shape[1]).expand(features.shape[:2])
    return Batch(features, returns, bar, {"range_variance": variance, "rank": rank.tanh()})


def make_module(network: ForecastNetwork, recipe: Recipe) -> tuple[NetworkModule, dict]:
    module, logged = NetworkModule(network, recipe.training, HORIZONS), {}
    module.log = lambda name, value, **_: logged.update({name: float(value)})
    return module, logged


def test_each_loss_is_the_mean_over_its_own_cells(network, batch):
    module, logged = make_module(network, make_recipe(0.25))
    loss = module.training_step(batch, 0)
    with torch.no_grad():
        answer = network.answer(batch.features)
    total = logged["train_nll"] + float(answer.routing.loss)
    for task, targets in batch.tasks.items():
        head, cells = network.task_heads[task], []
        for i in np.ndindex(*targets.shape):
            if targets[i].isfinite():
                unit = head.std[i[2]] * 2**0.5 if task == "range_variance" else 1.0
                cells.append(float(((targets[i] - answer.tasks[task][i]) / unit) ** 2))
        assert logged[f"train_{task}"] == pytest.approx(np.mean(cells), rel=1e-5)
        total += 0.25 * np.mean(cells)
    assert float(loss.detach()) == pytest.approx(total, rel=1e-5)


def test_masked_cells_have_no_gradient(network, batch):
    answers = {task: torch.zeros(3, 40, 3, requires_grad=True) for task in TASKS}
    network.answer = lambda *x, ask=network.answer: ask(*x)._replace(tasks=answers)
    make_module(network, make_recipe(0.1))[0].training_step(batch, 0).backward()
    for task, targets in batch.tasks.items():
        gradient = answers[task].grad
        assert (gradient[targets.isnan()] == 0).all()
        assert (gradient[targets.isfinite()] != 0).all()


def test_a_task_without_any_target_teaches_nothing_and_is_not_logged(network, batch):
    empty = {task: torch.full_like(targets, torch.nan) for task, targets in batch.tasks.items()}
    module, logged = make_module(network, make_recipe(1.0))
    loss = module.training_step(batch._replace(tasks=empty), 0)
    loss.backward()
    assert set(logged) == {"train_nll"}
    assert all((p.grad == 0).all() for p in network.task_heads.parameters())
    alone = replace_tasks(network, ())
    plain, _ = make_module(alone, make_recipe(0.0, ()))
    assert torch.equal(plain.training_step(batch, 0), loss)


def replace_tasks(network: ForecastNetwork, tasks: tuple[str, ...]) -> ForecastNetwork:
    recipe = make_recipe(0.0, tasks)
    other = build_network(recipe, ("log_gap", *map(str, range(6)))).eval()
    other.load_state_dict(network.state_dict(), strict=False)
    return other


# Whole trainings.


def test_tasks_without_weight_change_no_bit_of_the_rest(market, tmp_path):
    plain = run(make_recipe(0.0, ()), market, tmp_path / "plain")
    idle = run(make_recipe(0.0), market, tmp_path / "idle")
    assert task_metrics(plain) == set()
    assert idle.best_nll == plain.best_nll
    weights = idle.network.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in plain.network.state_dict().items())


@pytest.mark.parametrize("tasks", [TASKS[:1], TASKS[1:], TASKS])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_any_subset_is_trained_and_watched(market, tmp_path, tasks, precision):
    fitted = run(make_recipe(1.0, tasks, (f"training.precision={precision}",)), market, tmp_path)
    assert task_metrics(fitted) == {f"{x}_{t}" for x in ("train", "validation") for t in tasks}
    assert fitted.best_step > 0
    for task in tasks:
        assert (fitted.network.task_heads[task].weight != 0).all()
    best = min(metrics["validation_nll"] for metrics in fitted.history)
    assert fitted.best_nll == pytest.approx(best, rel=1e-6 if precision == "float32" else 1e-4)


def test_what_can_be_learnt_is_learnt(market, tmp_path):
    """Volatility that clusters, and returns of which most of each is taken back by the next bar."""
    returns = np.random.default_rng(0).normal(0, 0.01, market.mask.shape)
    for bar in range(1, len(returns)):
        returns[bar] -= 0.7 * returns[bar - 1]
    values = np.full_like(market.values, np.nan)
    values[:, :, COLUMNS.index("adj_close")] = 50 * np.exp(returns.cumsum(axis=0))
    more = ("network.dropout=0", "training.max_steps=40", "training.validate_every=20")
    learnt = (("ohlcv", market), ("close", replace(market, values=values)))
    for task, (features, panel) in zip(TASKS, learnt, strict=True):
        settings = (*more, f"data.features={features}")
        recipe = make_recipe(1.0, (task,), settings)
        start = run(make_recipe(0.0, (task,), settings), panel, tmp_path / "start" / task)
        fitted = run(recipe, panel, tmp_path / task)
        untrained, trained = (fit.history[-1][f"validation_{task}"] for fit in (start, fitted))
        assert trained < 0.95 * untrained


def test_a_source_of_closes_trains_without_its_ranges(closes, tmp_path):
    fitted = run(make_recipe(0.5, more=("data.features=close",)), closes, tmp_path)
    assert task_metrics(fitted) == {"train_rank", "validation_rank"}
    weights = fitted.network.task_heads["range_variance"].state_dict()
    assert all(torch.equal(weights[k], 0 * weights[k]) for k in ("weight", "bias", "mean"))


@pytest.fixture(scope="module")
def model(
    market: Panel, empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> NetworkForecaster:
    home = tmp_path_factory.mktemp("home")
    (home / "runs").mkdir()
    shutil.copy(empty_store, home / "runs" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return train(market, make_recipe(1.0), out=home / "model", progress=False)


def test_the_losses_of_tasks_reach_mlflow(model):
    store = mlflow.MlflowClient(f"sqlite:///{model.folder.parent / 'runs' / 'mlflow.db'}")
    run = store.get_run(model.files.metrics["mlflow_run_id"])
    for task in TASKS:
        assert run.data.metrics[f"validation_{task}"] > 0
        assert run.data.metrics[f"train_{task}"] > 0
    assert {"twin_validation_nll", "twin_validation_rank"} <= set(run.data.metrics)


def test_a_user_gets_scores_in_units_of_the_market(model, market):
    scores, forecast = model.task_scores(market), model.forecast(market)
    assert set(scores) == {"rank", "range_volatility"}
    for values in scores.values():
        assert values.shape == (*market.mask.shape, 3)
        np.testing.assert_array_equal(np.isfinite(values), forecast.law.known)
    assert np.nanmax(np.abs(scores["rank"])) < 1
    assert np.nanstd(scores["rank"]) > 0
    ratio = scores["range_volatility"] / (forecast.law.scale / np.sqrt(HORIZONS))
    assert 0.5 < np.nanmedian(ratio) < 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_no_score(model, market, kind):
    after = 400
    whole = model.task_scores(market)
    for name, values in model.task_scores(change_future(market, after, kind)).items():
        ours, theirs = values[: after + 1], whole[name][: after + 1]
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
        assert np.isfinite(theirs).sum() > 1000
