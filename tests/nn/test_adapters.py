"""Tuning: no effect before the first step, nothing frozen moves, and plain weights at the end."""

import numpy as np
import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from forecasting.config import NetworkConfig
from forecasting.nn.adapters import LowRank, finish_tuning, prepare_tuning
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.student_t_head import student_t_nll

MIXERS = ("mamba", "mamba2", "attention", "megalodon", "gru")
TUNES = ("all", "head", "adapters")
RANK = 2


def make_network(mixer: str) -> ForecastNetwork:
    """Three layers with attention in the middle, experts behind it, and a head that speaks."""
    torch.manual_seed(0)
    config = NetworkConfig(
        mixer=mixer,
        hidden_size=16,
        intermediate_size=8,
        mamba_d_state=4,
        cema_size=2,
        sliding_window=8,
        num_shared_experts=1,
        dropout=0.0,
    )
    network = ForecastNetwork(config, 3, 2, 0)
    torch.nn.init.normal_(network.head.proj.weight, std=0.3)
    return network


@pytest.fixture(params=MIXERS)
def mixer(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def network(mixer: str) -> ForecastNetwork:
    return make_network(mixer)


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    return torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(1))


def law(network: ForecastNetwork, features: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack(tuple(network(features)[0]))


def assert_same(found: torch.Tensor, expected: torch.Tensor, mixer: str) -> None:
    """To the last bit, but for torch's GRU, whose kernel depends on what requires a gradient."""
    noise = 1e-5 if mixer == "gru" else 0.0
    torch.testing.assert_close(found, expected, rtol=noise, atol=noise)


def learn(network: ForecastNetwork, features: torch.Tensor, steps: int = 3) -> None:
    """A few steps as training takes them, with a decay that would show on what is frozen."""
    optimizer = torch.optim.AdamW(network.parameter_groups(0.5), lr=0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        student_t_nll(network(features)[0], features[..., :2]).mean().backward()
        optimizer.step()


def plain_name(name: str) -> str:
    """The name that an adapted matrix had before."""
    return name.replace("parametrizations.", "").removesuffix(".original")


@pytest.mark.parametrize("tune", TUNES)
def test_before_the_first_step_no_bit_changes(mixer, network, features, tune):
    expected = law(network, features)
    prepare_tuning(network, tune, RANK)
    assert_same(law(network, features), expected, mixer)
    finish_tuning(network)
    assert_same(law(network, features), expected, mixer)


@pytest.mark.parametrize("tune", TUNES)
def test_only_what_shall_learn_moves(network, features, tune):
    before = {name: value.clone() for name, value in network.named_parameters()}
    prepare_tuning(network, tune, RANK)
    expected = law(network, features)
    learn(network, features)
    assert not torch.equal(law(network, features), expected)
    for name, parameter in network.named_parameters():
        if plain_name(name) not in before:
            assert tune == "adapters"
            assert name.endswith((".up", ".down"))
            continue
        moved = not torch.equal(parameter, before[plain_name(name)])
        if tune != "all":
            assert parameter.requires_grad == (name.startswith("head.") or "norm" in name), name
        assert not moved or parameter.requires_grad, name
        assert moved or not name.startswith("head."), name


@pytest.mark.parametrize("tune", TUNES)
def test_a_tuned_network_is_plain_again(mixer, network, features, tune):
    names = {name: value.shape for name, value in network.state_dict().items()}
    prepare_tuning(network, tune, RANK)
    learn(network, features)
    expected = law(network, features)
    finish_tuning(network)
    assert_same(law(network, features), expected, mixer)
    assert {name: value.shape for name, value in network.state_dict().items()} == names
    assert not any(is_parametrized(module) for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    twin = make_network(mixer)
    twin.load_state_dict(network.state_dict())
    assert_same(law(twin, features), expected, mixer)


def test_merged_weights_are_the_sum_of_both(features):
    network = make_network("mamba")
    layer = network.backbone.layers[0]
    prepare_tuning(network, "adapters", RANK)
    learn(network, features)
    (adapter,) = layer.mamba.in_proj.parametrizations.weight
    fixed = layer.mamba.in_proj.parametrizations.weight.original
    up, down, matrix = (x.detach().numpy() for x in (adapter.up, adapter.down, fixed))
    finish_tuning(network)
    expected = matrix.astype(float) + up.astype(float) @ down.astype(float)
    np.testing.assert_allclose(layer.mamba.in_proj.weight.detach(), expected, rtol=1e-5, atol=1e-6)
    assert np.linalg.matrix_rank(expected - matrix, tol=1e-5) <= RANK


def test_adapters_sit_on_the_matrices_of_mixers_and_dense_feed_forwards(network):
    prepare_tuning(network, "adapters", RANK)
    adapted = {name for name, module in network.named_modules() if is_parametrized(module)}
    for name, module in network.backbone.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.GRU):
            assert (f"backbone.{name}" in adapted) != name.endswith("router"), name
    assert "input_proj" not in adapted
    assert not any(name.endswith(("conv1d", "experts", "norm")) for name in adapted)


def test_an_adapter_has_no_rank_that_its_matrix_cannot_have():
    assert LowRank(8, 3, 5).up.shape == (8, 3)
    assert LowRank(8, 3, 2).down.shape == (2, 3)
    assert not torch.equal(LowRank(8, 3, 2).down, torch.zeros(2, 3))
