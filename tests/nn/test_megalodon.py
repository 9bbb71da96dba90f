import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.feed_forward import FeedForward
from forecasting.nn.megalodon import GatedAttention, MegalodonLayer, chunk_attention
from forecasting.nn.moe import MixtureOfExperts
from forecasting.nn.state import State

CHUNK, LENGTH = 6, 40
CONFIG = NetworkConfig(
    mixer="megalodon", hidden_size=12, intermediate_size=16, sliding_window=CHUNK, cema_size=3
)
FEED_FORWARDS = {"dense": lambda: FeedForward(12, 16), "moe": lambda: MixtureOfExperts(CONFIG)}


def make_layer(feed_forward: str = "dense", config: NetworkConfig = CONFIG) -> MegalodonLayer:
    """A layer whose every parameter matters, as after training."""
    torch.manual_seed(0)
    layer = MegalodonLayer(config, FEED_FORWARDS.get(feed_forward, lambda: None)()).eval()
    attention = layer.attention
    for parameter in (attention.q_scale, attention.k_scale, attention.q_bias, attention.k_bias):
        nn.init.normal_(parameter, std=2)
    nn.init.normal_(attention.cema.gamma)
    nn.init.normal_(attention.timestep_norm.bias)
    return layer


def turn(x: Tensor, place: int, theta: float) -> Tensor:
    """Rotary positions as a product of complex numbers."""
    first, second = x.chunk(2, dim=-1)
    pair = torch.arange(first.shape[-1], dtype=x.dtype)
    angle = place * theta ** (-pair / first.shape[-1])
    turned = torch.complex(first, second) * torch.exp(1j * angle)
    return torch.cat([turned.real, turned.imag], dim=-1)


def bar_by_bar(layer: MegalodonLayer, x: Tensor, config: NetworkConfig = CONFIG) -> Tensor:
    """The paper's order of operations, with one softmax a bar."""
    part, heads = layer.attention, (config.num_attention_heads, -1)
    normed = part.timestep_norm(x)
    averaged = part.cema_layernorm(part.cema(normed))
    z = part.z_proj(averaged).unflatten(-1, heads)
    z = (z / z.norm(dim=-1, keepdim=True)).flatten(-2)
    q = (z * part.q_scale + part.q_bias).unflatten(-1, heads)
    k = (z * part.k_scale + part.k_bias).unflatten(-1, heads)
    v = F.silu(part.v_proj(normed)).unflatten(-1, heads)
    theta, mixed = config.rope_theta, []
    for t in range(x.shape[1]):
        start = t - t % config.sliding_window
        query = turn(q[:, t], t - start, theta)
        keys = torch.stack([turn(k[:, s], s - start, theta) for s in range(start, t + 1)], dim=1)
        weights = torch.einsum("bhd,bshd->bsh", query, keys).softmax(dim=1)
        mixed.append(torch.einsum("bsh,bshd->bhd", weights, v[:, start : t + 1]).flatten(1))
    gated = torch.stack(mixed, dim=1) * F.silu(part.gate_proj(averaged))
    attended = x + part.out_proj(torch.cat([averaged, gated], dim=-1))
    if layer.feed_forward is None:
        return attended
    return x + layer.feed_forward(layer.pre_ff_layernorm(attended))


@pytest.mark.parametrize("feed_forward", ["dense", "none"])
@pytest.mark.parametrize("length", [1, CHUNK, CHUNK + 1, 20])
def test_equals_the_papers_order_of_operations_with_gradients(length, feed_forward):
    layer = make_layer(feed_forward).double()
    x = torch.randn(2, length, 12, dtype=torch.float64, requires_grad=True)
    results = []
    for mix in (lambda x: layer(x)[0], lambda x: bar_by_bar(layer, x)):
        y = mix(x)
        grads = torch.autograd.grad(y.cos().sum(), [x, *layer.parameters()])
        results.append([y, *grads])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-10)


def test_heads_of_odd_size_are_rounded_up_to_pairs():
    config = CONFIG.model_copy(update={"hidden_size": 9, "num_attention_heads": 3})
    layer = make_layer("none", config).double()
    assert layer.attention.z_proj.out_features == 12
    x = torch.randn(2, 11, 9, dtype=torch.float64)
    assert torch.allclose(layer(x)[0], bar_by_bar(layer, x, config), rtol=1e-8)


def stream(layer: MegalodonLayer, x: Tensor, gap: Tensor | None, cuts: list[int]) -> Tensor:
    gaps = [None] * (len(cuts) + 1) if gap is None else gap.tensor_split(cuts, dim=1)
    state, pieces = layer.initial_state(len(x)), []
    size = {name: value.shape for name, value in state.items()}
    for piece, piece_gap in zip(x.tensor_split(cuts, dim=1), gaps, strict=True):
        y, state = layer.advance(piece, state, piece_gap)
        pieces.append(y)
        assert {name: value.shape for name, value in state.items()} == size
    return torch.cat(pieces, dim=1)


@pytest.mark.parametrize("feed_forward", ["dense", "moe", "none"])
@pytest.mark.parametrize("with_gap", [False, True])
@given(cuts=st.lists(st.integers(1, LENGTH - 1), max_size=6, unique=True))
@settings(max_examples=10, deadline=None)
def test_any_cut_into_chunks_gives_the_same(feed_forward, with_gap, cuts):
    layer = make_layer(feed_forward)
    x = torch.randn(2, LENGTH, 12)
    gap = 1 + torch.rand(2, LENGTH) if with_gap else None
    truth = layer(x, gap)[0]
    assert torch.allclose(stream(layer, x, gap, sorted(cuts)), truth, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("with_gap", [False, True])
def test_bar_by_bar_gives_the_same(with_gap):
    layer = make_layer()
    x = torch.randn(2, LENGTH, 12)
    gap = 1 + torch.rand(2, LENGTH) if with_gap else None
    found = stream(layer, x, gap, list(range(1, LENGTH)))
    assert torch.allclose(found, layer(x, gap)[0], rtol=1e-5, atol=1e-5)


def test_rows_at_different_bars_go_on_together():
    layer = make_layer()
    x = torch.randn(2, LENGTH, 12)
    seen, states = (4, 15), []
    for row, bars in enumerate(seen):
        _, state = layer.advance(x[row : row + 1, :bars], layer.initial_state(1))
        states.append(state)
    joined: State = {name: torch.cat([state[name] for state in states]) for name in states[0]}
    rest = torch.stack([x[row, bars : bars + 20] for row, bars in enumerate(seen)])
    found, state = layer.advance(rest, joined)
    truth = layer(x)[0]
    for row, bars in enumerate(seen):
        assert torch.allclose(found[row], truth[row, bars : bars + 20], rtol=1e-5, atol=1e-5)
    assert state["bars"].tolist() == [24, 35]


@pytest.mark.parametrize("with_gap", [False, True])
@pytest.mark.parametrize("cut", [15, 18, 33])
@torch.no_grad()
def test_the_past_is_the_same_whatever_follows(cut, with_gap):
    layer = make_layer()
    x = torch.randn(2, LENGTH, 12)
    gap = 1 + torch.rand(2, LENGTH) if with_gap else None
    truth, _ = layer(x, gap)
    for future in (1000 * x, torch.zeros_like(x), 1e6 + x):
        changed = torch.cat([x[:, :cut], future[:, cut:]], dim=1)
        assert torch.equal(layer(changed, gap)[0][:, :cut], truth[:, :cut])
    short, _ = layer(x[:, :cut], None if gap is None else gap[:, :cut])
    assert torch.allclose(short, truth[:, :cut], rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_rows_know_nothing_of_each_other():
    layer = make_layer("moe")
    x = torch.randn(3, LENGTH, 12)
    assert torch.allclose(layer(x)[0][1:2], layer(x[1:2])[0], rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_gap_reaches_the_moving_average():
    layer = make_layer()
    x = torch.randn(2, LENGTH, 12)
    truth, _ = layer(x)
    usual = torch.ones(2, LENGTH)
    assert torch.allclose(layer(x, usual)[0], truth, rtol=1e-5, atol=1e-5)
    usual[:, 20] = 5
    changed = (layer(x, usual)[0] - truth).abs().amax(dim=(0, 2)) > 1e-4
    assert int(changed.nonzero()[0]) == 20


@pytest.mark.parametrize("length", [1, 5, 6, 14, 18])
@pytest.mark.parametrize("chunk", [1, 6, 100])
def test_exactly_the_chunk_so_far_is_seen(chunk, length):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, length, size, dtype=torch.float64) for size in (4, 4, 5))
    bars = torch.arange(length)
    seen = (bars[:, None] >= bars) & (bars[:, None] // chunk == bars // chunk)
    scores = (q @ k.mT).masked_fill(~seen, -torch.inf)
    found = chunk_attention(q, k, v, chunk)
    assert torch.allclose(found, scores.softmax(dim=-1) @ v, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("feed_forward", ["dense", "moe", "none"])
def test_every_parameter_gets_a_gradient_and_the_router_is_reported(feed_forward):
    layer = make_layer(feed_forward)
    y, routing = layer(torch.randn(3, LENGTH, 12), 1 + torch.rand(3, LENGTH))
    assert (routing is None) == (feed_forward != "moe")
    y.cos().sum().backward()
    for name, parameter in layer.named_parameters():
        assert (parameter.grad != 0).any(), name


def test_dropout_acts_on_both_branches():
    layer = make_layer(config=CONFIG.model_copy(update={"dropout": 0.5})).train()
    calls = []
    layer.dropout.register_forward_hook(lambda *_: calls.append(None))
    x = torch.randn(2, LENGTH, 12)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    assert len(calls) == 4


@torch.no_grad()
def test_products_in_bfloat16_stay_close():
    layer = make_layer()
    x = torch.randn(2, LENGTH, 12)
    truth, _ = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = layer(x)
        streamed = stream(layer, x, None, [7, 20])
    for y in (found, streamed):
        assert torch.allclose(y.float(), truth, rtol=0.1, atol=0.1)


def test_sizes_are_those_of_the_recipe():
    attention = GatedAttention(CONFIG)
    assert attention.v_proj.out_features == CONFIG.mamba_expand * CONFIG.hidden_size
    assert attention.cema.alpha.shape == (12, 3)
    assert attention.timestep_norm.groups == CONFIG.num_attention_heads
