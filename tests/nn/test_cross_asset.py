"""Attention across tickers: over those of the same bar, and over nobody else."""

import pytest
import torch
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn.cross_asset import CrossAssetAttention
from forecasting.nn.network import ForecastNetwork

SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "sliding_window": 8, "dropout": 0.3}
PURE = SMALL | {"attn_layer_period": None, "expert_layer_period": None}
NETWORKS = {
    "jamba": SMALL,
    "one layer": SMALL | {"num_hidden_layers": 1},
    **{mixer: PURE | {"mixer": mixer} for mixer in ("mamba2", "attention", "megalodon", "gru")},
}
N_FEATURES, TICKERS, BARS = 5, 4, 40


def make_layer() -> CrossAssetAttention:
    """A layer in double precision whose every parameter matters, as after training."""
    torch.manual_seed(0)
    layer = CrossAssetAttention(NetworkConfig(**SMALL)).double().eval()
    torch.nn.init.normal_(layer.o_proj.weight)
    torch.nn.init.normal_(layer.input_layernorm.weight)
    return layer


def make_network(name: str = "jamba", **options) -> ForecastNetwork:
    torch.manual_seed(0)
    config = NetworkConfig(**NETWORKS[name] | {"cross_asset": "attention"} | options)
    network = ForecastNetwork(config, N_FEATURES, 2).eval()
    torch.nn.init.normal_(network.head.proj.weight, std=0.5)
    if network.backbone.cross_asset is not None:
        torch.nn.init.normal_(network.backbone.cross_asset.o_proj.weight)
    return network


def make_inputs(columns: int = N_FEATURES) -> tuple[Tensor, Tensor]:
    """Four tickers that halt at random, listed at different times; own bars close ranks."""
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(TICKERS, BARS, columns, generator=draw)
    bar = torch.full((TICKERS, BARS), -1)
    for row in range(TICKERS):
        own = torch.randperm(BARS + 20, generator=draw)[: BARS - 3 * row].sort().values
        bar[row, : len(own)] = own
    return x, bar


@torch.no_grad()
def law(network: ForecastNetwork, features: Tensor, bar: Tensor | None = None) -> Tensor:
    return torch.stack(network(features, bar)[0], dim=-1)


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5, equal_nan=True)


def ticker_by_ticker(layer: CrossAssetAttention, x: Tensor, bar: Tensor) -> Tensor:
    """The definition: for each ticker and bar one softmax a head over those at the same bar."""
    normed = layer.input_layernorm(x)
    heads = (-1, layer.head_size)
    q, k, v = (p(normed).unflatten(-1, heads) for p in (layer.q_proj, layer.k_proj, layer.v_proj))
    mixed = torch.zeros_like(q)
    for row, t in torch.cartesian_prod(*(torch.arange(n) for n in bar.shape)).tolist():
        moment = bar[row, t]
        others = (bar == moment).nonzero().tolist() if moment >= 0 else [[row, t]]
        keys, values = (torch.stack([part[i, j] for i, j in others]) for part in (k, v))
        weight = ((q[row, t] * keys).sum(dim=-1) / layer.head_size**0.5).softmax(dim=0)
        mixed[row, t] = (weight.unsqueeze(-1) * values).sum(dim=0)
    return x + layer.o_proj(mixed.flatten(-2))


def test_equals_the_loop_over_tickers_and_bars_with_gradients():
    layer, (x, bar) = make_layer(), make_inputs(16)
    x = x.double().requires_grad_()
    results = []
    for attend in (CrossAssetAttention.__call__, ticker_by_ticker):
        y = attend(layer, x, bar)
        results.append([y, *torch.autograd.grad(y.cos().sum(), [x, *layer.parameters()])])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_what_the_bars_are_called_does_not_matter():
    layer, (x, bar) = make_layer(), make_inputs(16)
    renamed = torch.where(bar >= 0, 7 * bar + 1000, -1)
    assert torch.equal(layer(x.double(), renamed), layer(x.double(), bar))


@pytest.mark.parametrize("bar", [None, torch.full((TICKERS, BARS), -1)])
def test_without_bars_every_ticker_is_alone(bar):
    layer, (x, _) = make_layer(), make_inputs(16)
    x = x.double()
    alone = torch.arange(TICKERS * BARS).reshape(TICKERS, BARS)
    torch.testing.assert_close(layer(x, bar), layer(x, alone), rtol=1e-12, atol=1e-12)


def test_untrained_it_changes_nothing():
    layer, (x, bar) = CrossAssetAttention(NetworkConfig(**SMALL)).eval(), make_inputs(16)
    assert torch.equal(layer(x, bar), x)


def test_the_rest_of_the_network_is_drawn_as_without_it():
    plain = make_network(cross_asset="none").backbone.state_dict()
    found = make_network().backbone.state_dict()
    assert {name.split(".")[0] for name in found.keys() - plain.keys()} == {"cross_asset"}
    assert all(torch.equal(found[name], value) for name, value in plain.items())


@pytest.mark.parametrize("name", NETWORKS)
def test_tickers_have_no_order(name):
    network, (features, bar) = make_network(name), make_inputs()
    order = torch.tensor([2, 0, 3, 1])
    assert_same(law(network, features[order], bar[order]), law(network, features, bar)[order])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_ticker_hears_of_those_at_its_bar_and_of_no_other(name):
    network, (features, bar) = make_network(name), make_inputs()
    truth = law(network, features, bar)
    changed = features.clone()
    changed[1, 20] += 1
    moved = (law(network, changed, bar) - truth).abs().amax(dim=(-1, -2)) > 1e-6
    since = bar[1, 20]
    assert not moved[bar.lt(since) & (bar >= 0)].any()
    for row in (0, 2, 3):
        shared = bar[row] >= since
        assert moved[row, torch.isin(bar[row], bar[1, 20:]) & shared].any()


@pytest.mark.parametrize("future", [0.0, 1e3, torch.nan])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_to_come_does_not_reach_the_bars_before(name, future):
    """Of any ticker, on the common time axis."""
    network, (features, bar) = make_network(name), make_inputs()
    truth = law(network, features, bar)
    changed = torch.where((bar > 30).unsqueeze(-1), features * future, features)
    found = law(network, changed, bar)
    past = (bar >= 0) & (bar <= 30)
    assert_same(found[past], truth[past])
    assert not torch.allclose(found[bar > 30], truth[bar > 30])


@pytest.mark.parametrize("name", NETWORKS)
def test_absent_tickers_and_padding_change_nothing(name):
    network, (features, bar) = make_network(name), make_inputs()
    truth = law(network, features, bar)
    absent = torch.cat([100 * features, features]), torch.cat([torch.full_like(bar, -1), bar])
    assert_same(law(network, *absent)[TICKERS:], truth)
    other = torch.where((bar < 0).unsqueeze(-1), 100.0, features)
    assert_same(law(network, other, bar)[bar >= 0], truth[bar >= 0])


@pytest.mark.parametrize("name", NETWORKS)
def test_one_ticker_alone_is_its_own_market(name):
    network, (features, bar) = make_network(name), make_inputs()
    alone = law(network, features[:1], bar[:1])
    assert_same(alone, law(network, features[:1]))
    assert_same(law(network, features)[:1], alone)
    assert not torch.allclose(law(network, features, bar)[:1], alone, rtol=1e-2)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_row_of_nan_leaves_the_others_alone(name):
    network, (features, bar) = make_network(name), make_inputs()
    features[1, 12:] = torch.nan
    found = law(network, features, bar)
    assert found[1, 12:].isnan().all()
    unknown = bar.clone()
    unknown[1, 12:] = -1
    expected = law(network, features.nan_to_num(7.0), unknown)
    others = torch.tensor([0, 2, 3])
    assert found[others].isfinite().all()
    assert_same(found[others], expected[others])
    assert_same(found[1, :12], expected[1, :12])


@pytest.mark.parametrize("lengths", [[1] * BARS, [17, 1, 1, 20, 1]])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_streams(name, lengths):
    """Tickers that trade together, one of which becomes unknown between two calls."""
    network, (features, _) = make_network(name), make_inputs()
    features[2, 18] = torch.nan
    bar = torch.arange(BARS).expand(TICKERS, -1)
    state, found = network.initial_state(TICKERS), []
    assert not any("cross_asset" in key for key in state)
    for piece, bars in zip(features.split(lengths, 1), bar.split(lengths, 1), strict=True):
        answer, state = network.advance(piece, state, bars)
        found.append(torch.stack(answer, dim=-1))
    assert_same(torch.cat(found, dim=1), law(network, features, bar))


def test_without_the_option_bars_are_ignored():
    network, (features, bar) = make_network(cross_asset="none"), make_inputs()
    assert torch.equal(law(network, features, bar), law(network, features))


def test_every_parameter_of_it_learns():
    network, (features, bar) = make_network().train(), make_inputs()
    answer, _ = network(features, bar)
    answer.scale.log().sum().backward()
    for name, parameter in network.backbone.cross_asset.named_parameters():
        assert (parameter.grad != 0).any(), name


def test_a_row_of_nan_leaves_the_gradients_finite():
    network, (features, bar) = make_network(), make_inputs()
    features[1, 12:] = torch.nan
    answer, _ = network(features, bar)
    answer.scale[answer.scale.isfinite()].log().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_products_in_bfloat16_leave_the_law_in_float32():
    network, (features, bar) = make_network(), make_inputs()
    with torch.autocast("cpu", torch.bfloat16):
        found = law(network, features, bar)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[..., 1], law(network, features, bar)[..., 1], rtol=0.1, atol=0)
