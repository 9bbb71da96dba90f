import math
import warnings
from copy import deepcopy

import lightning as L
import numpy as np
import pytest
import torch

from forecasting.config import Recipe, TrainingConfig
from forecasting.forecast.student_t import StudentT
from forecasting.forecaster.network_forecaster import build_network
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.routing import RouterReport
from forecasting.training.module import (
    NetworkModule,
    masked_nll,
    mean_over_horizons,
    router_metrics,
    warmup_cosine,
)
from forecasting.training.windows import Batch

HORIZONS = (1, 5, 21)


def make_network(recipe: Recipe, **options) -> ForecastNetwork:
    torch.manual_seed(0)
    changed = {"network": recipe.network.model_copy(update=options)}
    features = ("log_gap", *map(str, range(6)))
    network = build_network(recipe.model_copy(update=changed), features).eval()
    torch.nn.init.normal_(network.head.proj.weight, std=0.3)
    return network


@pytest.fixture
def network(recipe):
    return make_network(recipe)


def make_batch(features, targets) -> Batch:
    return Batch(features, targets, torch.arange(features.shape[1]).expand(features.shape[:2]), {})


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(3, 40, 7, generator=generator)
    targets = torch.randn(3, 40, 3, generator=generator)
    targets[0, 30:] = torch.nan
    targets[1, :, 2] = torch.nan
    return make_batch(features, targets)


def slow_sums(network, features, targets):
    """Cell by cell with the density of the `forecast` room."""
    with torch.no_grad():
        law, _ = network(features)
    sums, counts = np.zeros(3), np.zeros(3)
    for i, t, h in np.ndindex(*targets.shape):
        y = float(targets[i, t, h])
        if not math.isnan(y):
            own = StudentT(*(np.array([float(part[i, t, h])]) for part in law))
            sums[h] -= own.log_density(np.array([y]))[0]
            counts[h] += 1
    return sums, counts


@torch.no_grad()
def test_masked_nll_equals_cell_by_cell(network, batch):
    sums, counts = slow_sums(network, batch.features, batch.targets)
    found, known = masked_nll(network, batch.features, batch.targets)
    np.testing.assert_allclose(found, sums, rtol=1e-4)
    np.testing.assert_array_equal(known, counts)


@torch.no_grad()
def test_training_loss_is_the_mean_over_known_cells(network, batch, recipe):
    module = NetworkModule(network, recipe.training, HORIZONS)
    module.log = lambda *_, **__: None
    sums, counts = slow_sums(network, batch.features, batch.targets)
    router = float(network(batch.features)[1].loss)
    assert router > 0
    loss = float(module.training_step(batch, 0))
    assert loss == pytest.approx(sums.sum() / counts.sum() + router, rel=1e-5)


@torch.no_grad()
def test_horizons_are_weighted_in_the_loss_and_in_the_choice_of_the_best(network, batch, recipe):
    weights = (1.0, 0.25, 0.0)[: len(HORIZONS)]
    training = recipe.training.model_copy(update={"horizon_weights": weights})
    module, logged = NetworkModule(network, training, HORIZONS), {}
    module.log = lambda name, value, **_: logged.update({name: float(value)})
    module.log_dict = lambda *_, **__: None
    sums, counts = slow_sums(network, batch.features, batch.targets)
    expected = np.dot(weights, sums) / np.dot(weights, counts)
    router = float(network(batch.features)[1].loss)
    loss = float(module.training_step(batch, 0))
    assert loss == pytest.approx(expected + router, rel=1e-5)
    assert logged["train_nll"] == pytest.approx(expected, rel=1e-5)
    module.on_validation_epoch_start()
    module.validation_step(batch, 0)
    module.on_validation_epoch_end()
    mean = np.average(sums / counts, weights=weights)
    assert logged["validation_nll"] == pytest.approx(mean, rel=1e-5)


@torch.no_grad()
def test_quantiles_learn_by_their_own_loss_and_are_judged_by_the_nll(batch, recipe):
    network = make_network(recipe, distribution="quantile")
    module, logged = NetworkModule(network, recipe.training, HORIZONS), {}
    module.log = lambda name, value, **_: logged.update({name: float(value)})
    loss = float(module.training_step(batch, 0))
    law, report = network(batch.features)
    known = batch.targets.isfinite()
    own = network.head.loss(law, batch.targets)[known].mean() + report.loss
    assert loss == pytest.approx(float(own), rel=1e-5)
    nll = network.head.nll(law, batch.targets)[known].mean()
    assert logged == {"train_nll": pytest.approx(float(nll), rel=1e-5)}
    sums, counts = masked_nll(network, batch.features, batch.targets)
    assert float(sums.sum() / counts.sum()) == pytest.approx(float(nll), rel=1e-5)


@pytest.mark.parametrize("distribution", ["student_t", "quantile"])
def test_a_batch_without_targets_teaches_nothing(batch, recipe, distribution):
    network = make_network(recipe, router_z_loss_coef=0.0, distribution=distribution)
    module = NetworkModule(network, recipe.training, HORIZONS)
    module.log = lambda *_, **__: None
    unknown = torch.full_like(batch.targets, torch.nan)
    loss = module.training_step(batch._replace(targets=unknown), 0)
    loss.backward()
    assert float(loss.detach()) == 0
    assert all((p.grad == 0).all() for p in network.parameters() if p.grad is not None)


def test_a_horizon_without_targets_is_left_out_and_a_lost_one_is_not():
    sums = torch.tensor([2.0, 6.0, 0.0], dtype=torch.float64)
    counts = torch.tensor([2.0, 3.0, 0.0], dtype=torch.float64)
    assert mean_over_horizons(sums, counts) == 1.5
    sums[1] = torch.nan
    assert mean_over_horizons(sums, counts).isnan()


def test_the_rate_warms_up_and_falls_to_zero():
    factor = warmup_cosine(TrainingConfig(warmup_steps=4, max_steps=12))
    found = [factor(step) for step in range(14)]
    np.testing.assert_allclose(found[:4], [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(
        found[4:12], [0.5 * (1 + math.cos(math.pi * k / 8)) for k in range(8)]
    )
    np.testing.assert_allclose(found[12:], 0, atol=1e-15)


@pytest.mark.parametrize("warmup", [0, 5, 9])
def test_the_rate_stays_between_zero_and_one(warmup):
    factor = warmup_cosine(TrainingConfig(warmup_steps=warmup, max_steps=5))
    assert all(0 <= factor(step) <= 1 for step in range(12))


def test_optimiser_and_schedule_follow_the_recipe(network, recipe):
    made = NetworkModule(network, recipe.training, HORIZONS).configure_optimizers()
    decays = [group["weight_decay"] for group in made["optimizer"].param_groups]
    assert decays == [recipe.training.weight_decay, 0.0]
    assert made["lr_scheduler"]["interval"] == "step"
    first = made["optimizer"].param_groups[0]["lr"]
    assert first == pytest.approx(recipe.training.learning_rate / recipe.training.warmup_steps)


@pytest.fixture
def calm_lightning():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        yield


def make_trainer(**options) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def make_loader(batches) -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(batches, batch_size=None, collate_fn=lambda batch: batch)


def make_batches(n_batches: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(2)
    shapes = ((4, 30, 7), (4, 30, 3))
    batches = []
    for _ in range(n_batches):
        features, targets = (torch.randn(shape, generator=generator) for shape in shapes)
        features[0, 20:] = torch.nan
        targets[0, 20:] = torch.nan
        batches.append(make_batch(features, targets))
    return batches


@pytest.mark.usefixtures("calm_lightning")
@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_biases_move_once_a_step_by_the_loads_of_its_known_bars(recipe, accumulated):
    network = make_network(recipe, dropout=0.0, router_bias_update_rate=0.01).double()
    batches = [make_batch(x.double(), y.double()) for x, y, *_ in make_batches(3 * accumulated)]
    twin = deepcopy(network)
    module = NetworkModule(network, recipe.training, HORIZONS)
    trainer = make_trainer(max_steps=3, accumulate_grad_batches=accumulated)
    trainer.fit(module, make_loader(batches))

    made = NetworkModule(twin, recipe.training, HORIZONS).configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    for step in range(3):
        optimizer.zero_grad()
        picks = 0
        for features, targets, *_ in batches[step * accumulated : (step + 1) * accumulated]:
            sums, counts = masked_nll(twin, features, targets)
            report = twin(features)[1]
            ((sums.sum() / counts.sum() + report.loss) / accumulated).backward()
            picks = picks + report.picks
        optimizer.step()
        schedule.step()
        twin.balance_experts(picks)
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-8, atol=1e-10)
    biases = [value for name, value in network.named_buffers() if name.endswith("correction_bias")]
    assert biases
    assert all((bias != 0).any() for bias in biases)


@pytest.mark.usefixtures("calm_lightning")
def test_validation_shows_the_experts_and_leaves_them_alone(network, recipe):
    before, batches = deepcopy(network.state_dict()), make_batches(2)
    module = NetworkModule(network, recipe.training, HORIZONS)
    loader = make_loader(batches)
    first, again = (make_trainer().validate(module, loader, verbose=False) for _ in range(2))
    [found] = first
    assert [found] == again
    with torch.no_grad():
        reports = [network(batch.features)[1] for batch in batches]
    for name, value in router_metrics((1,), reports).items():
        assert found[name] == pytest.approx(float(value), rel=1e-6)
    nll = {"validation_nll", *(f"validation_nll_h{h}" for h in HORIZONS)}
    experts = {f"expert_load_l1_e{e}" for e in range(4)}
    assert set(found) == nll | experts | {"router_entropy_l1", "dead_experts"}
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_router_metrics_by_hand():
    def report(bars, picks, entropy):
        return RouterReport(
            torch.tensor(1.0), torch.tensor(bars), torch.tensor(picks), torch.tensor(entropy)
        )

    reports = [
        report(10, [[5, 5, 5, 5], [19, 1, 0, 0]], [4.0, 2.0]),
        report(30, [[15, 15, 15, 15], [56, 1, 3, 0]], [8.0, 2.0]),
    ]
    found = {name: float(value) for name, value in router_metrics((1, 4), reports).items()}
    assert found == pytest.approx(
        {
            **{f"expert_load_l1_e{e}": 0.25 for e in range(4)},
            **{f"expert_load_l4_e{e}": n / 80 for e, n in enumerate((75, 2, 3, 0))},
            "router_entropy_l1": 0.3,
            "router_entropy_l4": 0.1,
            "dead_experts": 1,
        }
    )


def test_a_network_without_experts_has_no_router_metrics(recipe):
    assert router_metrics((), []) == {}
    network = make_network(recipe, expert_layer_period=None)
    module = NetworkModule(network, recipe.training, HORIZONS)
    module.log = lambda *_, **__: None
    assert module.training_step(make_batches(1)[0], 0).isfinite()
    network.balance_experts(module._picks[0])
