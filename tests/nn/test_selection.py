"""What a state space says of itself is what its scan does."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.nn.cema import CEMA
from forecasting.nn.mamba import MambaMixer
from forecasting.nn.mamba2 import Mamba2Mixer

SIZES = {"hidden_size": 16, "mamba_d_state": 4, "mamba_head_size": 8}


@pytest.fixture(params=["mamba", "mamba2"])
def mixer(request: pytest.FixtureRequest) -> MambaMixer | Mamba2Mixer:
    torch.manual_seed(0)
    config = NetworkConfig(mixer=request.param, **SIZES)
    kind = {"mamba": MambaMixer, "mamba2": Mamba2Mixer}[request.param]
    return kind(config).double()


def by_hand(mixer: MambaMixer, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Step, u, B and C of Mamba-1, bar after bar from the parameters."""
    half, _ = mixer.in_proj.weight.chunk(2)
    inner = len(half)
    past = F.pad(x @ half.T, (0, 0, 3, 0))
    bars = []
    for t in range(x.shape[1]):
        taps = past[:, t : t + 4] * mixer.conv1d.weight[:, 0].T
        u = F.silu(taps.sum(dim=1) + mixer.conv1d.bias)
        raw, B, C = torch.split(u @ mixer.x_proj.weight.T, mixer.split_sizes, dim=-1)
        projected = mixer.dt_layernorm(raw) @ mixer.dt_proj.weight.T + mixer.dt_proj.bias
        bars.append((F.softplus(projected), u, mixer.b_layernorm(B), mixer.c_layernorm(C)))
    step, u, B, C = (torch.stack(parts, dim=1) for parts in zip(*bars, strict=True))
    assert step.shape == (*x.shape[:2], inner)
    return step, u, B, C


def test_mamba_tells_what_its_parameters_say():
    torch.manual_seed(0)
    mixer = MambaMixer(NetworkConfig(**SIZES)).double()
    x = torch.randn(2, 9, 16, dtype=torch.float64)
    found = mixer.selection(x)
    step, u, B, C = by_hand(mixer, x)
    torch.testing.assert_close(found.step, step)
    torch.testing.assert_close(found.rate, torch.exp(mixer.A_log))
    torch.testing.assert_close(found.written, (step * u).abs())
    torch.testing.assert_close(found.read, (B * C).abs())


def test_the_state_fades_as_the_selection_says(mixer):
    """With nothing to take in, h shrinks by exp(-step rate) at each bar, and by nothing else."""
    torch.manual_seed(1)
    x = torch.randn(1, 12, 16, dtype=torch.float64)
    found = mixer.selection(x)
    states = [mixer.initial_state(1) for _ in range(2)]
    states[1]["h"] = states[1]["h"] + 1.0
    for bar in x.split(1, dim=1):
        states = [mixer.advance(bar, state)[1] for state in states]
    kept = states[1]["h"] - states[0]["h"]
    fading = torch.exp(-found.step.sum(dim=1)[0].unsqueeze(1) * found.rate)
    if isinstance(mixer, MambaMixer):
        torch.testing.assert_close(kept[0].T, fading)
    else:
        torch.testing.assert_close(kept[0], fading.repeat_interleave(8, dim=0).expand(-1, 4))


def test_no_later_bar_enters(mixer):
    x = torch.randn(1, 20, 16, dtype=torch.float64)
    whole, part = mixer.selection(x), mixer.selection(x[:, :13])
    for name in ("step", "written", "read"):
        torch.testing.assert_close(getattr(whole, name)[:, :13], getattr(part, name))


def test_the_moving_average_fades_as_it_says():
    torch.manual_seed(0)
    cema = CEMA(3, 4).double()
    fading, size = cema.decay()
    state = {"memory": torch.ones(1, 3, 4, 2, dtype=torch.float64)}
    _, later = cema.advance(torch.zeros(1, 5, 3, dtype=torch.float64), state)
    modulus = torch.view_as_complex(later["memory"]).abs()[0]
    torch.testing.assert_close(modulus, 2**0.5 * torch.exp(-5 * fading))
    assert size.shape == fading.shape
    assert (size > 0).all()
