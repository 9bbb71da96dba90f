from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forecasting.nn.ssd import head_scan, state_space_dual

NAMES = ("x", "log_decay", "B", "C", "h0")
# (batch, length, head, channel, state); chunks have 32 bars.
SHAPES = [
    (1, 1, 1, 1, 1),
    (2, 1, 3, 4, 5),
    (2, 31, 2, 3, 4),
    (3, 32, 1, 5, 2),
    (2, 33, 4, 1, 3),
    (1, 64, 2, 2, 16),
    (2, 131, 3, 4, 5),
]


def bar_by_bar(
    x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, h0: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The definition: one bar after another."""
    h = x.new_zeros(*x[:, 0].shape, B.shape[-1]) if h0 is None else h0
    outputs = []
    for t in range(x.shape[1]):
        decay = log_decay[:, t, :, None, None].exp()
        h = decay * h + x[:, t, :, :, None] * B[:, t, None, None, :]
        outputs.append((h * C[:, t, None, None, :]).sum(dim=-1))
    return torch.stack(outputs, dim=1), h


def make_inputs(
    batch: int, length: int, heads: int, channels: int, state: int, dtype=torch.float64
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(length)
    shapes = {
        "x": (batch, length, heads, channels),
        "log_decay": (batch, length, heads),
        "B": (batch, length, state),
        "C": (batch, length, state),
        "h0": (batch, heads, channels, state),
    }
    inputs = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }
    inputs["log_decay"] = -torch.exp(inputs["log_decay"] - 1)
    return {name: x.to(dtype).requires_grad_() for name, x in inputs.items()}


def results(scan, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Both results, and the gradients of a loss in which every number counts differently."""
    y, h = scan(*inputs.values())
    loss = sum(
        (part.flatten() * torch.linspace(-1, 1, part.numel()).to(part)).sum() for part in (y, h)
    )
    gradients = torch.autograd.grad(loss, list(inputs.values()))
    return {"y": y.detach(), "h": h.detach(), **dict(zip(inputs, gradients, strict=True))}


def relative_error(found: Tensor, truth: Tensor) -> float:
    return float((found.double() - truth).abs().max() / truth.abs().max().clamp(min=1e-300))


@pytest.mark.parametrize("with_h0", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_results_and_all_gradients_equal_the_recurrence(shape, dtype, tolerance, with_h0):
    given, exact = make_inputs(*shape, dtype), make_inputs(*shape)
    if not with_h0:
        del given["h0"], exact["h0"]
    found, truth = results(state_space_dual, given), results(bar_by_bar, exact)
    for name, true in truth.items():
        assert found[name].dtype == dtype, name
        assert found[name].shape == true.shape, name
        assert relative_error(found[name], true) < tolerance, name


def test_gradcheck():
    inputs = make_inputs(2, 35, 2, 1, 2)
    assert torch.autograd.gradcheck(state_space_dual, tuple(inputs.values()))


@pytest.mark.parametrize("strength", [3.0, 100.0, 1e4])
def test_a_strong_decay_amid_a_weak_one_stays_finite_and_right(strength):
    """A difference of cumulative sums fails here: it cancels, or subtracts infinities."""
    outcomes = []
    for dtype, scan in ((torch.float32, state_space_dual), (torch.float64, bar_by_bar)):
        inputs = make_inputs(2, 70, 3, 4, 5, dtype)
        strong = torch.arange(70) % 3 == 0
        log_decay = torch.where(strong, -strength, -0.01).to(dtype)[None, :, None]
        inputs["log_decay"] = log_decay.expand(2, 70, 3).clone().requires_grad_()
        outcomes.append(results(scan, inputs))
    for name, found in outcomes[0].items():
        truth = outcomes[1][name]
        assert found.isfinite().all(), name
        # Where float64 still tells 1e-100 from nothing, float32 may answer 0.
        assert torch.allclose(
            found.double(), truth, rtol=0, atol=1e-6 * float(truth.abs().max()) + 1e-37
        ), name


def test_no_decay_for_a_long_time_stays_right():
    inputs = {name: x.detach() for name, x in make_inputs(1, 8192, 1, 1, 2).items()}
    inputs["log_decay"] = torch.full_like(inputs["log_decay"], -1e-6)
    truth, _ = bar_by_bar(*inputs.values())
    y, _ = state_space_dual(*(x.float() for x in inputs.values()))
    assert relative_error(y, truth) < 1e-5


@given(cuts=st.sets(st.integers(1, 79), max_size=4))
@settings(max_examples=15, deadline=None)
def test_carrying_the_state_over_cuts_changes_nothing(cuts):
    inputs = {name: x.detach() for name, x in make_inputs(2, 80, 3, 4, 5).items()}
    whole, last = state_space_dual(*inputs.values())
    h = inputs.pop("h0")
    parts = []
    for start, end in pairwise([0, *sorted(cuts), 80]):
        y, h = state_space_dual(*(x[:, start:end] for x in inputs.values()), h)
        parts.append(y)
    assert torch.allclose(torch.cat(parts, dim=1), whole, rtol=1e-11, atol=1e-12)
    assert torch.allclose(h, last, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("future", [1e15, 0.0])
def test_the_future_does_not_reach_the_past(future):
    inputs = {name: x.detach() for name, x in make_inputs(2, 100, 3, 4, 5, torch.float32).items()}
    y, _ = state_space_dual(*inputs.values())
    for name in ("x", "B", "C"):
        inputs[name] = inputs[name].clone()
        inputs[name][:, 70:] = future
    inputs["log_decay"] = inputs["log_decay"].clone()
    inputs["log_decay"][:, 70:] = -future
    changed, _ = state_space_dual(*inputs.values())
    assert torch.equal(changed[:, :70], y[:, :70])


def test_rows_of_the_batch_do_not_meet():
    inputs = {name: x.detach() for name, x in make_inputs(3, 40, 2, 3, 4).items()}
    before = state_space_dual(*inputs.values())
    for name in NAMES:
        inputs[name] = inputs[name].clone()
        inputs[name][1] = float("nan")
    for a, b in zip(state_space_dual(*inputs.values()), before, strict=True):
        assert torch.equal(a[[0, 2]], b[[0, 2]])


def test_the_state_is_float32_under_autocast():
    inputs = {name: x.detach() for name, x in make_inputs(2, 64, 4, 8, 16, torch.float32).items()}
    plain = state_space_dual(*inputs.values())
    with torch.autocast("cpu", torch.bfloat16):
        found = state_space_dual(*inputs.values())
    assert all(torch.equal(a, b) for a, b in zip(found, plain, strict=True))


def test_half_precision_keeps_a_float32_state():
    inputs = {name: x.detach().bfloat16() for name, x in make_inputs(2, 64, 4, 8, 16).items()}
    y, h = state_space_dual(*inputs.values())
    truth, _ = bar_by_bar(*(x.double() for x in inputs.values()))
    assert (y.dtype, h.dtype) == (torch.bfloat16, torch.float32)
    assert relative_error(y, truth) < 1e-2


def make_series(gaps: list[float]) -> dict[str, Tensor]:
    """Arguments of `head_scan`: three heads of two channels, four states, twelve bars."""
    generator = torch.Generator().manual_seed(1)
    shapes = {
        "u": (2, 12, 6),
        "dt": (2, 12, 3),
        "A": (3,),
        "B": (2, 12, 4),
        "C": (2, 12, 4),
        "D": (3,),
        "z": (2, 12, 6),
        "dt_bias": (3,),
        "gap": (),
        "h0": (2, 6, 4),
    }
    series = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    series["A"] = -series["A"].exp()
    series["gap"] = torch.tensor(gaps).repeat(2, 12 // len(gaps))
    return {name: x.requires_grad_(name != "gap") for name, x in series.items()}


@pytest.mark.parametrize("gaps", [[1.0], [0.0, 0.3, 1.0, 250.0], [1e-6, 3.0]])
def test_scanning_channels_equals_scanning_heads(gaps, monkeypatch):
    """With steps from 1e-13 to 30 and gaps from nothing to a year."""
    outcomes = []
    for backend, dtype in (("auto", torch.float32), ("torch", torch.float64)):
        monkeypatch.setenv("FORECASTING_SCAN", backend)
        series = {name: x.detach().to(dtype) for name, x in make_series(gaps).items()}
        series["dt"] = torch.linspace(-30, 30, series["dt"].numel()).view(2, 12, 3).to(dtype)
        leaves = [x.requires_grad_() for name, x in series.items() if name != "gap"]
        y, h = head_scan(**series)
        assert (y.dtype, h.dtype) == (dtype, dtype)
        outcomes.append([y, h, *torch.autograd.grad(y.square().sum() + h.sum(), leaves)])
    for found, truth in zip(*outcomes, strict=True):
        assert (found - truth).abs().max() < 1e-5 * truth.abs().max()
