import pytest
import torch

from forecasting.config import NetworkConfig
from forecasting.kernels import cpp_scan
from forecasting.kernels.block_step import BlockState, BlockStep
from forecasting.kernels.reference import selective_scan_reference
from forecasting.nn.mamba import MambaMixer

pytestmark = pytest.mark.skipif(
    cpp_scan.available() is not None, reason=f"no library: {cpp_scan.available()}"
)


def make_mixer(hidden=20, state=5, width=4):
    torch.manual_seed(0)
    mixer = MambaMixer(
        NetworkConfig(
            mamba_expand=2,
            hidden_size=hidden,
            mamba_d_state=state,
            mamba_dt_rank="auto",
            mamba_d_conv=width,
            num_attention_heads=1,
            num_key_value_heads=1,
        )
    )
    for parameter in mixer.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    return mixer.requires_grad_(False)


@pytest.mark.parametrize(
    ("hidden", "state", "width", "batch"),
    [(20, 5, 4, 3), (128, 16, 4, 1), (8, 1, 1, 4), (33, 7, 2, 9), (16, 16, 4, 70)],
)
def test_bar_by_bar_equals_the_whole_sequence(hidden, state, width, batch):
    mixer = make_mixer(hidden, state, width)
    x = torch.randn(batch, 12, hidden)
    step = BlockStep(mixer)
    memory = step.initial_state(batch)
    found = torch.stack([step(bar, memory) for bar in x.unbind(1)], dim=1)
    assert torch.allclose(found, mixer(x), rtol=1e-4, atol=2e-6 * float(found.abs().max()))


def test_going_on_from_a_whole_sequence_pass():
    """The state after a prefill is the convolution's last inputs and the scan's last state."""
    mixer, step = make_mixer(), None
    x = torch.randn(2, 11, 20)
    step = BlockStep(mixer)
    memory = step.initial_state(2)
    for bar in x[:, :8].unbind(1):
        step(bar, memory)
    u, z = mixer.in_proj(x[:, :8]).chunk(2, dim=-1)
    padded = torch.nn.functional.pad(u.transpose(1, 2), (3, 0))
    mixed = torch.nn.functional.silu(mixer.conv1d(padded)).transpose(1, 2)
    raw, B, C = mixer.x_proj(mixed).split(mixer.split_sizes, dim=-1)
    dt = mixer.dt_layernorm(raw) @ mixer.dt_proj.weight.t()
    B, C = mixer.b_layernorm(B), mixer.c_layernorm(C)
    _, h = selective_scan_reference(
        mixed, dt, -mixer.A_log.exp(), B, C, mixer.D, z, mixer.dt_proj.bias
    )
    prefilled = BlockState.after(u[:, -3:], h)
    assert torch.allclose(prefilled.conv_tail, memory.conv_tail, atol=1e-5)
    assert torch.allclose(prefilled.h, memory.h, atol=1e-5)
    for bar in x[:, 8:].unbind(1):
        assert torch.allclose(step(bar, prefilled), step(bar, memory), atol=1e-5)


def test_rows_do_not_meet_and_threads_do_not_matter():
    mixer = make_mixer(64, 16, 4)
    step, x = BlockStep(mixer), torch.randn(50, 64)
    whole = step(x, step.initial_state(50))
    for row in (0, 17, 49):
        alone = step(x[row : row + 1], step.initial_state(1))
        assert torch.allclose(alone, whole[row : row + 1], rtol=1e-5, atol=1e-6)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert torch.equal(step(x, step.initial_state(50)), whole)
    torch.set_num_threads(before)


def test_no_rows():
    step = BlockStep(make_mixer())
    assert step(torch.zeros(0, 20), step.initial_state(0)).shape == (0, 20)


def test_wrong_arguments_are_named():
    step = BlockStep(make_mixer())
    memory = step.initial_state(2)
    with pytest.raises(ValueError, match=r"^x is torch.float32 of shape \(2, 19\)"):
        step(torch.zeros(2, 19), memory)
    with pytest.raises(ValueError, match=r"^x is torch.float64"):
        step(torch.zeros(2, 20).double(), memory)
    with pytest.raises(ValueError, match=r"^conv_tail is"):
        step(torch.zeros(3, 20), memory)
    strided = BlockState(memory.conv_tail, torch.zeros(2, 40, 5).transpose(1, 2))
    with pytest.raises(ValueError, match=r"^h is not contiguous"):
        step(torch.zeros(2, 20), strided)
