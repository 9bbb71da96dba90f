import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.kernels.reference import selective_scan_reference
from forecasting.nn.mamba import MambaMixer


def make_mixer(**overrides: object) -> MambaMixer:
    torch.manual_seed(0)
    return MambaMixer(NetworkConfig(**({"hidden_size": 24, "num_attention_heads": 4} | overrides)))


def step_by_step(mixer: MambaMixer, x: Tensor) -> Tensor:
    """The mixer as the papers write it, with the reference scan and PyTorch's convolution."""

    def norm(v: Tensor, weight: Tensor) -> Tensor:
        return weight * v / torch.sqrt((v**2).mean(dim=-1, keepdim=True) + 1e-6)

    u, z = mixer.in_proj(x).chunk(2, dim=-1)
    conv = mixer.conv1d(F.pad(u.transpose(1, 2), (mixer.conv1d.kernel_size[0] - 1, 0)))
    u = F.silu(conv.transpose(1, 2))
    step, B, C = mixer.x_proj(u).split(mixer.split_sizes, dim=-1)
    dt = norm(step, mixer.dt_layernorm.weight) @ mixer.dt_proj.weight.T
    A = -torch.exp(mixer.A_log)
    B, C = norm(B, mixer.b_layernorm.weight), norm(C, mixer.c_layernorm.weight)
    y, _ = selective_scan_reference(u, dt, A, B, C, mixer.D, z, mixer.dt_proj.bias)
    return mixer.out_proj(y)


def test_equals_the_papers_order_of_operations():
    mixer = make_mixer().double()
    for name, parameter in mixer.named_parameters():
        if "layernorm" in name:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    x = torch.randn(2, 19, 24, dtype=torch.float64)
    results = []
    for forward in (mixer, lambda x: step_by_step(mixer, x)):
        y = forward(x)
        results.append([y, *torch.autograd.grad(y.square().sum(), list(mixer.parameters()))])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_step_sizes_start_between_a_thousandth_and_a_tenth():
    mixer = make_mixer(hidden_size=512)
    step = F.softplus(mixer.dt_proj.bias)
    assert step.min() >= 1e-3 * (1 - 1e-5)
    assert step.max() <= 0.1 * (1 + 1e-5)
    # Log-uniform: half of them lie below the geometric mean, 0.01.
    assert abs(float((step < 0.01).double().mean()) - 0.5) < 0.06
    assert mixer.dt_proj.weight.abs().max() <= mixer.dt_proj.in_features**-0.5


def test_decay_rates_start_at_minus_one_to_minus_n():
    mixer = make_mixer(mamba_d_state=8)
    rates = -torch.exp(mixer.A_log)
    assert torch.allclose(rates, -torch.arange(1.0, 9).expand(48, 8))
    assert torch.equal(mixer.D, torch.ones(48))


@pytest.mark.parametrize(("asked", "rank"), [("auto", 2), (5, 5)])
def test_rank_of_the_step_size(asked, rank):
    assert make_mixer(mamba_dt_rank=asked).dt_proj.in_features == rank
