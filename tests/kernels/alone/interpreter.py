"""Our Triton kernels in Triton's interpreter, on the CPU, against the float64 reference."""

import pytest
import torch
from kernels.scan_cases import NAMES, make_inputs
from torch import Tensor

from forecasting.kernels import triton_scan
from forecasting.kernels.reference import selective_scan_reference

SERIES = ("u", "dt", "B", "C", "z")

# (batch, length, channels, state): one of each, odd everything, several chunks and blocks, padding.
SHAPES = [
    (1, 1, 1, 1),
    (2, 7, 5, 1),
    (3, 1, 3, 5),
    (2, 37, 3, 16),
    (1, 67, 33, 5),
    (2, 33, 40, 16),
    (1, 6, 35, 33),
    (1, 35, 9, 100),
    (1, 5, 17, 256),
]


def doubled(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.detach().double().requires_grad_() for name, x in inputs.items()}


def run(scan, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Both results, and the gradients of a random linear form of both."""
    results = scan(*inputs.values())
    generator = torch.Generator().manual_seed(1)
    loss = sum(
        (r.double() * torch.randn(r.shape, generator=generator, dtype=torch.float64)).sum()
        for r in results
    )
    grads = torch.autograd.grad(loss, list(inputs.values()))
    return dict(zip(("y", "h_last", *NAMES), [*(r.detach() for r in results), *grads], strict=True))


def worst(found: dict[str, Tensor], truth: dict[str, Tensor]) -> tuple[float, str]:
    errors = {}
    for name, x in truth.items():
        assert found[name].shape == x.shape, name
        assert found[name].isfinite().all(), name
        deviation = (found[name].double() - x).abs().max()
        errors[name] = float(deviation / x.abs().max().clamp(min=1e-300))
    name = max(errors, key=errors.get)
    return errors[name], name


def assert_close_but_for_underflow(
    found: dict[str, Tensor], truth: dict[str, Tensor], tolerance: float
) -> None:
    """Where float64 still tells 1e-100 from nothing, float32 may answer 0."""
    for name, x in truth.items():
        assert found[name].isfinite().all(), name
        bound = tolerance * float(x.abs().max()) + 1e-37
        assert torch.allclose(found[name].double(), x, rtol=tolerance, atol=bound), name


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_results_and_all_gradients_in_float32(shape):
    inputs = make_inputs(*shape, torch.float64)
    found = run(
        triton_scan.scan, {k: x.detach().float().requires_grad_() for k, x in inputs.items()}
    )
    error, name = worst(found, run(selective_scan_reference, inputs))
    assert error < 3e-6, name


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 1e-2), (torch.float16, 2e-3)])
def test_half_precision_is_rounded_at_the_doors_only(dtype, tolerance):
    inputs = make_inputs(2, 37, 9, 16, dtype)
    found = run(triton_scan.scan, inputs)
    truth = run(selective_scan_reference, doubled(inputs))
    assert {name: x.dtype for name, x in found.items()} == {
        name: torch.float32 if name == "h_last" else dtype for name in found
    }
    error, name = worst(found, truth)
    assert error < tolerance, name
    assert worst({"h": found["h_last"]}, {"h": truth["h_last"]})[0] < 3e-6


def test_series_of_different_types_lose_nothing():
    inputs = make_inputs(2, 9, 5, 4, torch.float32)
    inputs["B"] = inputs["B"].detach().bfloat16().requires_grad_()
    inputs["z"] = inputs["z"].detach().half().requires_grad_()
    found, truth = run(triton_scan.scan, inputs), run(selective_scan_reference, doubled(inputs))
    assert all(found[name].dtype == x.dtype for name, x in inputs.items())
    exact = [name for name in truth if name not in ("B", "z")]
    error, name = worst({k: found[k] for k in exact}, {k: truth[k] for k in exact})
    assert error < 3e-6, name


@pytest.mark.parametrize("strength", [30.0, 300.0, 1e4])
def test_the_strongest_decay_stays_finite_and_right(strength):
    inputs = make_inputs(2, 20, 3, 4, torch.float32)
    inputs["dt"] = torch.full_like(inputs["dt"], 20.0).requires_grad_()
    inputs["A"] = torch.full_like(inputs["A"], -strength / 20).requires_grad_()
    assert_close_but_for_underflow(
        run(triton_scan.scan, inputs), run(selective_scan_reference, doubled(inputs)), 1e-4
    )


@pytest.mark.filterwarnings("ignore:overflow encountered in exp")  # 1 / (1 + inf) is meant
def test_enormous_steps_and_gates_stay_finite():
    inputs = make_inputs(1, 9, 3, 4, torch.float32)
    for name in ("dt", "z"):
        inputs[name] = (1e4 * inputs[name].detach()).requires_grad_()
    assert_close_but_for_underflow(
        run(triton_scan.scan, inputs), run(selective_scan_reference, doubled(inputs)), 1e-5
    )


def test_small_steps_keep_their_relative_precision():
    inputs = make_inputs(1, 40, 3, 4, torch.float32)
    inputs["dt_bias"] = (inputs["dt_bias"].detach() - 10).requires_grad_()  # steps near 1e-5
    inputs["h0"] = torch.zeros_like(inputs["h0"]).requires_grad_()
    found, truth = run(triton_scan.scan, inputs), run(selective_scan_reference, doubled(inputs))
    error, name = worst(found, truth)
    assert error < 5e-6, name


def test_no_initial_state_is_the_zero_state():
    inputs = make_inputs(2, 9, 3, 4, torch.float32)
    inputs["h0"] = torch.zeros_like(inputs["h0"])
    with_zeros = triton_scan.scan(*inputs.values())
    for a, b in zip(triton_scan.scan(*(inputs | {"h0": None}).values()), with_zeros, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("used", [0, 1])
def test_gradient_through_one_result_alone(used):
    grads = []
    for scan, dtype in (
        (triton_scan.scan, torch.float32),
        (selective_scan_reference, torch.float64),
    ):
        inputs = make_inputs(2, 11, 3, 4, dtype)
        loss = scan(*inputs.values())[used].square().sum()
        grads.append(torch.autograd.grad(loss, list(inputs.values()), allow_unused=True))
    for name, a, b in zip(NAMES, *grads, strict=True):
        truth = torch.zeros_like(a) if b is None else b.float()
        assert torch.allclose(a, truth, rtol=1e-4, atol=1e-5), name


def test_strided_inputs_give_the_bits_of_contiguous_ones():
    inputs = make_inputs(2, 9, 4, 5, torch.float32)
    strided = {k: torch.stack([x, -x], dim=-1).detach()[..., 0] for k, x in inputs.items()}
    assert not any(x.is_contiguous() for x in strided.values())
    found = run(triton_scan.scan, {k: x.requires_grad_() for k, x in strided.items()})
    truth = run(triton_scan.scan, inputs)
    assert all(torch.equal(found[name], x) for name, x in truth.items())


def test_without_gradients_the_same_bits():
    inputs = make_inputs(2, 70, 3, 4, torch.float32)
    with torch.no_grad():
        y, h = triton_scan.scan(*inputs.values())
    kept = triton_scan.scan(*inputs.values())
    assert torch.equal(y, kept[0])
    assert torch.equal(h, kept[1])


def test_carrying_the_state_over_a_cut_changes_nothing():
    inputs = {k: x.detach() for k, x in make_inputs(2, 40, 3, 4, torch.float32).items()}
    whole, last = triton_scan.scan(*inputs.values())
    h, parts = inputs["h0"], []
    for at in (slice(0, 13), slice(13, 14), slice(14, 40)):
        cut = {k: x[:, at] if k in SERIES else x for k, x in inputs.items()}
        y, h = triton_scan.scan(*(cut | {"h0": h}).values())
        parts.append(y)
    assert torch.allclose(torch.cat(parts, dim=1), whole, rtol=1e-5, atol=1e-6)
    assert torch.allclose(h, last, rtol=1e-5, atol=1e-6)


def test_the_future_does_not_reach_the_past():
    inputs = {k: x.detach() for k, x in make_inputs(2, 40, 3, 4, torch.float32).items()}
    y, _ = triton_scan.scan(*inputs.values())
    for name in SERIES:
        inputs[name] = inputs[name].clone()
        inputs[name][:, 30:] = torch.nan
    changed, _ = triton_scan.scan(*inputs.values())
    assert torch.equal(changed[:, :30], y[:, :30])


def test_backward_repeats_bit_for_bit():
    first, second = (
        run(triton_scan.scan, make_inputs(2, 35, 34, 16, torch.float32)) for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_backward_leaves_the_gradient_that_came_in_alone():
    inputs = make_inputs(1, 3, 32, 1, torch.float32)  # a tile of this shape needs no copy
    _, h_last = triton_scan.scan(*inputs.values())
    came_in = torch.randn_like(h_last)
    kept = came_in.clone()
    h_last.backward(came_in)
    assert torch.equal(came_in, kept)


def test_an_empty_batch():
    found = run(triton_scan.scan, make_inputs(0, 5, 3, 4, torch.float32))
    assert (found["y"].shape, found["h_last"].shape) == ((0, 5, 3), (0, 3, 4))
    assert all(found[name].count_nonzero() == 0 for name in NAMES)
