import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forecasting.config import NetworkConfig
from forecasting.kernels import cpp_scan
from forecasting.kernels.reference import selective_scan_reference
from forecasting.nn.mamba import MambaMixer


def make_mixer(**overrides: object) -> MambaMixer:
    torch.manual_seed(0)
    return MambaMixer(NetworkConfig(**({"hidden_size": 24, "num_attention_heads": 4} | overrides)))


def scan_inputs(mixer: MambaMixer, x: Tensor) -> tuple[Tensor, ...]:
    """u, dt, A, B, C, D, z and dt_bias as the papers write them, with PyTorch's convolution."""

    def norm(v: Tensor, weight: Tensor) -> Tensor:
        return weight * v / torch.sqrt((v**2).mean(dim=-1, keepdim=True) + 1e-6)

    u, z = mixer.in_proj(x).chunk(2, dim=-1)
    conv = mixer.conv1d(F.pad(u.transpose(1, 2), (mixer.conv1d.kernel_size[0] - 1, 0)))
    u = F.silu(conv.transpose(1, 2))
    step, B, C = mixer.x_proj(u).split(mixer.split_sizes, dim=-1)
    dt = norm(step, mixer.dt_layernorm.weight) @ mixer.dt_proj.weight.T
    A = -torch.exp(mixer.A_log)
    B, C = norm(B, mixer.b_layernorm.weight), norm(C, mixer.c_layernorm.weight)
    return u, dt, A, B, C, mixer.D, z, mixer.dt_proj.bias


def step_by_step(mixer: MambaMixer, x: Tensor) -> Tensor:
    """The mixer with the reference scan."""
    y, _ = selective_scan_reference(*scan_inputs(mixer, x))
    return mixer.out_proj(y)


def with_empty_bars(mixer: MambaMixer, x: Tensor, gap: Tensor) -> Tensor:
    """The mixer where gap - 1 bars that only decay come before every bar; one row."""
    u, dt, A, B, C, D, z, bias = (
        part[0] if part.ndim == 3 else part for part in scan_inputs(mixer, x)
    )
    delta = torch.logaddexp(dt + bias, torch.zeros_like(dt))
    h, answers = torch.zeros_like(A), []
    for t in range(x.shape[1]):
        decay = torch.exp(delta[t, :, None] * A)
        for _ in range(int(gap[0, t]) - 1):
            h = decay * h
        h = decay * h + (delta[t] * u[t])[:, None] * B[t]
        answers.append(((h * C[t]).sum(dim=1) + D * u[t]) * F.silu(z[t]))
    return mixer.out_proj(torch.stack(answers).unsqueeze(0))


def assert_same_with_gradients(mixer: MambaMixer, found: Tensor, truth: Tensor) -> None:
    results = [
        [y, *torch.autograd.grad(y.square().sum(), list(mixer.parameters()))]
        for y in (found, truth)
    ]
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def make_double_mixer() -> MambaMixer:
    mixer = make_mixer().double()
    for name, parameter in mixer.named_parameters():
        if "layernorm" in name:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return mixer


def test_equals_the_papers_order_of_operations():
    mixer = make_double_mixer()
    x = torch.randn(2, 19, 24, dtype=torch.float64)
    assert_same_with_gradients(mixer, mixer(x), step_by_step(mixer, x))


def test_a_gap_of_k_is_k_minus_one_bars_that_only_decay_and_then_the_bar():
    mixer = make_double_mixer()
    x = torch.randn(1, 19, 24, dtype=torch.float64)
    gap = torch.randint(1, 8, (1, 19)).double()
    assert not torch.allclose(mixer(x, gap), mixer(x), rtol=1e-3)
    assert_same_with_gradients(mixer, mixer(x, gap), with_empty_bars(mixer, x, gap))


def test_a_gap_of_one_is_no_gap():
    mixer, x = make_mixer(), torch.randn(2, 19, 24)
    assert torch.allclose(mixer(x, torch.ones(2, 19)), mixer(x), rtol=0, atol=1e-6)


def test_without_any_gap_nothing_decays():
    mixer, x = make_mixer(), torch.randn(2, 19, 24)
    with torch.no_grad():
        found = mixer(x, torch.zeros(2, 19))
        mixer.A_log.fill_(-torch.inf)
        assert torch.allclose(found, mixer(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [-200.0, -30.0, 0.0, 30.0])
@pytest.mark.parametrize("gap", [0.001, 0.3, 2.5, 1000.0])
def test_no_step_size_and_no_gap_is_too_extreme(bias, gap):
    mixer, x = make_mixer(), torch.randn(2, 19, 24)
    torch.nn.init.constant_(mixer.dt_proj.bias, bias)
    gaps = torch.full((2, 19), gap)
    y = mixer(x, gaps)
    y.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in mixer.parameters())
    with torch.no_grad():
        truth = mixer.double()(x.double(), gaps.double())
    assert torch.allclose(y.double(), truth, rtol=1e-4, atol=1e-5 * float(truth.abs().max()))


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


@pytest.fixture
def one_call():
    """The bar in one call needs the C++ library."""
    if reason := cpp_scan.available():
        pytest.skip(reason)


def next_bar(mixer: MambaMixer, x: Tensor) -> Tensor:
    """The first bar's answer, taken as a single bar."""
    y, _ = mixer.advance(x, mixer.initial_state(len(x)))
    assert not y.requires_grad
    return y


def assert_up_to_date(mixer: MambaMixer) -> None:
    x = torch.randn(2, 1, 24)
    assert torch.allclose(next_bar(mixer, x), mixer(x), rtol=1e-4, atol=1e-6)


def test_the_packed_weights_are_never_stale():
    mixer = make_mixer()
    bars = torch.randn(2, 9, 24)
    for name, parameter in mixer.named_parameters():
        assert_up_to_date(mixer)
        with torch.no_grad():
            parameter.mul_(1.5).add_(0.1)
        _, state = mixer.advance(bars, mixer.initial_state(2))
        found = mixer.advance(bars[:, :1], state)[0]
        truth = mixer(torch.cat([bars, bars[:, :1]], dim=1))[:, -1:]
        assert torch.allclose(found, truth, rtol=1e-4, atol=1e-5), name


@pytest.mark.parametrize("assign", [False, True])
def test_weights_that_were_loaded_are_used(assign):
    mixer, others = make_mixer(), [make_mixer(mamba_dt_rank=2) for _ in range(4)]
    for other in others:
        with torch.no_grad():
            other.out_proj.weight.normal_()
        assert_up_to_date(mixer)
        mixer.load_state_dict(copy.deepcopy(other.state_dict()), assign=assign)
    assert_up_to_date(mixer)


def test_weights_without_a_version_counter_are_used_as_they_are():
    with torch.inference_mode():
        mixer = make_mixer()
        assert_up_to_date(mixer)
        mixer.out_proj.weight.mul_(2)
        assert_up_to_date(mixer)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_has_its_own_weights_and_the_packed_ones_are_not_saved(clone):
    mixer = make_mixer()
    names = set(mixer.state_dict())
    assert_up_to_date(mixer)
    twin = clone(mixer)
    with torch.no_grad():
        twin.out_proj.weight.normal_()
    for each in (mixer, twin):
        assert_up_to_date(each)
        assert set(each.state_dict()) == names


@pytest.mark.usefixtures("one_call")
def test_one_bar_is_one_call_where_that_runs(monkeypatch):
    mixer, x = make_mixer(), torch.randn(2, 1, 24)

    def refuse(*arguments: object) -> None:
        raise AssertionError("whole sequence")

    monkeypatch.setattr(mixer, "_scan", refuse)
    next_bar(mixer, x)
    with pytest.raises(AssertionError, match="whole sequence"):
        mixer.advance(x, mixer.initial_state(2), torch.ones(2, 1))
    with pytest.raises(AssertionError, match="whole sequence"):
        next_bar(mixer.double(), x.double())
    monkeypatch.setenv("FORECASTING_SCAN", "torch")
    with pytest.raises(AssertionError, match="whole sequence"):
        next_bar(mixer.float(), x)


def test_two_threads_may_take_bars_of_one_mixer():
    mixer = make_mixer()
    rows = [torch.randn(batch, 200, 24) for batch in (1, 3)]

    def stream(x: Tensor) -> Tensor:
        state, answers = mixer.initial_state(len(x)), []
        for bar in x.split(1, dim=1):
            y, state = mixer.advance(bar, state)
            answers.append(y)
        return torch.cat(answers, dim=1)

    with ThreadPoolExecutor(2) as pool:
        for x, found in zip(rows, pool.map(stream, rows), strict=True):
            assert torch.allclose(found, mixer(x), rtol=1e-4, atol=1e-5)
