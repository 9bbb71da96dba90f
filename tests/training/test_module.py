import math

import numpy as np
import pytest
import torch

from forecasting.config import TrainingConfig
from forecasting.forecast import student_t
from forecasting.forecaster.network_forecaster import build_network
from forecasting.training.module import (
    NetworkModule,
    masked_nll,
    mean_over_horizons,
    warmup_cosine,
)


@pytest.fixture
def network(recipe):
    torch.manual_seed(0)
    network = build_network(recipe, 7).eval()
    torch.nn.init.normal_(network.head.proj.weight, std=0.3)
    return network


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(3, 40, 7, generator=generator)
    targets = torch.randn(3, 40, 3, generator=generator)
    targets[0, 30:] = torch.nan
    targets[1, :, 2] = torch.nan
    return features, targets


def slow_sums(network, features, targets):
    """Cell by cell with the density of the `forecast` room."""
    with torch.no_grad():
        law, _ = network(features)
    sums, counts = np.zeros(3), np.zeros(3)
    for i, t, h in np.ndindex(*targets.shape):
        y = float(targets[i, t, h])
        if not math.isnan(y):
            loc, scale, df = (np.array([float(part[i, t, h])]) for part in law)
            sums[h] -= student_t.log_density(np.array([y]), loc, scale, df)[0]
            counts[h] += 1
    return sums, counts


@torch.no_grad()
def test_masked_nll_equals_cell_by_cell(network, batch):
    sums, counts = slow_sums(network, *batch)
    found, known = masked_nll(network, *batch)
    np.testing.assert_allclose(found, sums, rtol=1e-4)
    np.testing.assert_array_equal(known, counts)


@torch.no_grad()
def test_training_loss_is_the_mean_over_known_cells(network, batch, recipe):
    module = NetworkModule(network, recipe.training, (1, 5, 21), 0.5)
    module.log = lambda *_, **__: None
    sums, counts = slow_sums(network, *batch)
    router = float(network(batch[0])[1])
    loss = float(module.training_step(batch, 0))
    assert loss == pytest.approx(sums.sum() / counts.sum() + 0.5 * router, rel=1e-5)


def test_a_batch_without_targets_teaches_nothing(network, batch, recipe):
    module = NetworkModule(network, recipe.training, (1, 5, 21), 0.0)
    module.log = lambda *_, **__: None
    loss = module.training_step((batch[0], torch.full_like(batch[1], torch.nan)), 0)
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
    made = NetworkModule(network, recipe.training, (1, 5, 21), 0.0).configure_optimizers()
    decays = [group["weight_decay"] for group in made["optimizer"].param_groups]
    assert decays == [recipe.training.weight_decay, 0.0]
    assert made["lr_scheduler"]["interval"] == "step"
    first = made["optimizer"].param_groups[0]["lr"]
    assert first == pytest.approx(recipe.training.learning_rate / recipe.training.warmup_steps)
