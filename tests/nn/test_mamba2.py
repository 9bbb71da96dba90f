import warnings
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn.mamba2 import Mamba2Mixer
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.state import Mixer

SHAPE = {"hidden_size": 24, "mamba_d_state": 5, "mamba_head_size": 12}


@pytest.fixture(params=["torch", "auto"])
def backend(request, monkeypatch) -> str:
    """The scan as matrix products, and as it runs by default: in C++ where there is a compiler."""
    monkeypatch.setenv("FORECASTING_SCAN", request.param)
    return request.param


def make_mixer(**overrides: object) -> Mamba2Mixer:
    """A mixer all of whose weights count."""
    torch.manual_seed(0)
    mixer = Mamba2Mixer(NetworkConfig(mixer="mamba2", **(SHAPE | overrides)))
    torch.nn.init.uniform_(mixer.norm.weight, 0.5, 1.5)
    torch.nn.init.uniform_(mixer.D, 0.5, 1.5)
    return mixer


def bar_by_bar(mixer: Mamba2Mixer, x: Tensor, gap: Tensor) -> Tensor:
    """The mixer as the paper writes it, with the state taken from bar to bar."""
    inner, heads = mixer.out_proj.in_features, len(mixer.D)
    z, xBC, dt = mixer.in_proj(x).split([inner, mixer.conv1d.in_channels, heads], dim=-1)
    past = mixer.conv1d.kernel_size[0] - 1
    xBC = F.silu(mixer.conv1d(F.pad(xBC.transpose(1, 2), (past, 0)))).transpose(1, 2)
    u, B, C = xBC.split(mixer.split_sizes, dim=-1)
    u, delta, A = u.unflatten(-1, (heads, -1)), F.softplus(dt + mixer.dt_bias), -mixer.A_log.exp()
    h, outputs = x.new_zeros(*u[:, 0].shape, B.shape[-1]), []
    for t in range(x.shape[1]):
        decay = torch.exp(gap[:, t, None] * delta[:, t] * A)
        taken_in = (delta[:, t, :, None] * u[:, t])[..., None] * B[:, t, None, None, :]
        h = decay[..., None, None] * h + taken_in
        outputs.append((h * C[:, t, None, None, :]).sum(dim=-1) + mixer.D[:, None] * u[:, t])
    gated = torch.stack(outputs, dim=1).flatten(2) * F.silu(z)
    mean_square = (gated**2).mean(dim=-1, keepdim=True)
    return mixer.out_proj(mixer.norm.weight * gated / torch.sqrt(mean_square + mixer.norm.eps))


@pytest.mark.parametrize("with_gap", [False, True])
@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_equals_the_papers_order_of_operations(backend, dtype, tolerance, width, with_gap):
    mixer = make_mixer(mamba_d_conv=width).to(dtype)
    exact = make_mixer(mamba_d_conv=width).double()
    x, gap = torch.randn(2, 37, 24), 4 * torch.rand(2, 37)
    if not with_gap:
        gap = torch.ones_like(gap)
    outcomes = []
    for module, y in (
        (mixer, mixer(x.to(dtype), gap.to(dtype) if with_gap else None)),
        (exact, bar_by_bar(exact, x.double(), gap.double())),
    ):
        outcomes.append([y, *torch.autograd.grad(y.square().sum(), list(module.parameters()))])
    for found, truth in zip(*outcomes, strict=True):
        assert found.dtype == dtype
        assert (found - truth).abs().max() < tolerance * truth.abs().max()


@pytest.mark.parametrize("scan", ["torch", "auto"])
@given(
    cuts=st.one_of(st.sets(st.integers(1, 69), max_size=5), st.just(set(range(1, 70)))),
    width=st.sampled_from([1, 2, 4]),
    with_gap=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_advancing_by_any_chunks_equals_the_full_pass(scan, cuts, width, with_gap):
    mixer = make_mixer(mamba_d_conv=width)
    assert isinstance(mixer, Mixer)
    x, gap = torch.randn(3, 70, 24), 3 * torch.rand(3, 70) if with_gap else None
    state, parts = mixer.initial_state(3), []
    sizes = {name: part.shape for name, part in state.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECASTING_SCAN", scan)
        whole = mixer(x, gap)
        for start, end in pairwise([0, *sorted(cuts), 70]):
            now = slice(start, end)
            y, state = mixer.advance(x[:, now], state, None if gap is None else gap[:, now])
            parts.append(y)
            assert {name: part.shape for name, part in state.items()} == sizes
            assert not any(part.requires_grad for part in (y, *state.values()))
    assert torch.allclose(torch.cat(parts, dim=1), whole, rtol=1e-5, atol=1e-5)


def test_the_state_holds_no_more_memory_than_its_numbers():
    mixer = make_mixer()
    _, state = mixer.advance(torch.randn(1, 500, 24), mixer.initial_state(1))
    for part in state.values():
        assert part.untyped_storage().nbytes() == part.numel() * part.element_size()


def test_a_long_gap_equals_as_many_bars_that_carry_nothing():
    """To the state: bars of zeros, which a convolution without past or bias leaves zero."""
    mixer = make_mixer(mamba_d_conv=1).double()
    torch.nn.init.zeros_(mixer.conv1d.bias)
    torch.nn.init.zeros_(mixer.in_proj.weight[-len(mixer.D) :].detach())  # dt: the bias alone
    x = torch.randn(2, 20, 24).double()
    halted = torch.cat([x[:, :10], torch.zeros(2, 4, 24).double(), x[:, 10:]], dim=1)
    gap = torch.ones(2, 20).double()
    gap[:, 10] = 5
    y, expected = mixer(x, gap), mixer(halted)
    assert torch.allclose(y[:, 10:], expected[:, 14:], rtol=1e-9, atol=1e-12)
    assert not torch.allclose(y[:, 10:], mixer(x)[:, 10:], rtol=1e-3)


def test_the_future_does_not_reach_the_past(backend):
    mixer = make_mixer()
    x, gap = torch.randn(2, 70, 24), torch.ones(2, 70)
    y = mixer(x, gap)
    x, gap = x.clone(), gap.clone()
    x[:, 40:], gap[:, 40:] = 1e4, 7
    changed = mixer(x, gap)
    assert torch.allclose(changed[:, :40], y[:, :40], rtol=1e-6, atol=1e-6)
    assert (changed[:, 40] - y[:, 40]).abs().max() > 1e-3


def test_decay_starts_in_the_published_ranges():
    mixer = Mamba2Mixer(NetworkConfig(mixer="mamba2", hidden_size=1024, mamba_head_size=2))
    rate, step = mixer.A_log.detach().exp(), F.softplus(mixer.dt_bias.detach())
    assert rate.min() >= 1 - 1e-5
    assert rate.max() <= 16 + 1e-4
    assert float(rate.mean()) == pytest.approx(8.5, rel=0.05)
    assert step.min() >= 1e-3 * (1 - 1e-4)
    assert step.max() <= 0.1 * (1 + 1e-4)
    # Log-uniform: half of them lie below the geometric mean, 0.01.
    assert float((step < 0.01).double().mean()) == pytest.approx(0.5, abs=0.06)
    assert torch.equal(mixer.D, torch.ones(1024))


def test_decay_rates_skip_and_norm_are_not_decayed_as_weights():
    config = NetworkConfig(mixer="mamba2", num_hidden_layers=2, attn_layer_period=None, **SHAPE)
    network = ForecastNetwork(config, n_features=3, n_horizons=2)
    decayed, kept = (
        {id(parameter) for parameter in group["params"]} for group in network.parameter_groups(0.1)
    )
    for layer in network.backbone.layers:
        mixer = layer.mixer
        assert {id(p) for p in (mixer.A_log, mixer.D, mixer.dt_bias, mixer.norm.weight)} <= kept
        assert {id(mixer.in_proj.weight), id(mixer.out_proj.weight)} <= decayed


def test_autocast_keeps_the_state_and_stays_close(backend):
    mixer = make_mixer()
    x = torch.randn(2, 70, 24)
    truth = mixer(x)
    with torch.autocast("cpu", torch.bfloat16):
        y = mixer(x)
        streamed, state = mixer.advance(x, mixer.initial_state(2))
    assert y.dtype == torch.bfloat16
    assert {part.dtype for part in state.values()} == {torch.float32}
    assert torch.equal(streamed, y)
    assert (y - truth).abs().max() < 0.03 * truth.abs().max()


@pytest.mark.oracle
@pytest.mark.parametrize(("length", "state", "size"), [(1, 4, 8), (50, 16, 16), (130, 7, 12)])
def test_equals_hugging_face(backend, length, state, size):
    transformers = pytest.importorskip(
        "transformers", reason="needs transformers: pip install 'forecasting[oracle]'"
    )
    from transformers.models.mamba2 import modeling_mamba2

    mixer = make_mixer(mamba_d_state=state, mamba_head_size=size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not our code
        config = transformers.Mamba2Config(
            hidden_size=24,
            expand=2,
            state_size=state,
            head_dim=size,
            num_heads=48 // size,
            n_groups=1,
            chunk_size=16,
            conv_kernel=4,
            layer_norm_epsilon=mixer.norm.eps,
        )
        theirs = modeling_mamba2.Mamba2Mixer(config, layer_idx=0)
    theirs.load_state_dict(mixer.state_dict())
    x, weights = torch.randn(2, length, 24), torch.randn(2, length, 24)
    outcomes = []
    for module in (mixer, theirs):
        given = x.clone().requires_grad_()
        y = module(given)
        names, parameters = zip(*sorted(module.named_parameters()), strict=True)
        gradients = torch.autograd.grad((y * weights).sum(), [given, *parameters])
        outcomes.append(dict(zip(("y", "x", *names), (y, *gradients), strict=True)))
    for name, truth in outcomes[1].items():
        error = (outcomes[0][name] - truth).abs().max()
        assert error <= 1e-5 * truth.abs().max(), name
