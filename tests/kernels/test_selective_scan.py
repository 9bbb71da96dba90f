import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.scan_cases import NAMES, SHAPES, gradients, make_inputs, relative_error
from torch import Tensor

from forecasting.kernels import selective_scan
from forecasting.kernels.reference import selective_scan_reference


def test_reference_gradients_are_right():
    inputs = make_inputs(2, 5, 3, 2)
    assert torch.autograd.gradcheck(selective_scan_reference, tuple(inputs.values()))


def test_hand_written_backward_passes_gradcheck():
    inputs = make_inputs(2, 5, 3, 2)
    assert torch.autograd.gradcheck(selective_scan, tuple(inputs.values()))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_results_and_all_gradients_equal_the_reference(shape, dtype, tolerance):
    found, found_grads = gradients(selective_scan, make_inputs(*shape, dtype))
    truth, true_grads = gradients(selective_scan_reference, make_inputs(*shape))
    names = ("y", "h_last", *NAMES)
    pairs = zip(names, [*found, *found_grads], [*truth, *true_grads], strict=True)
    for name, a, b in pairs:
        assert a.dtype == dtype, name
        assert a.shape == b.shape, name
        assert relative_error(a, b) < tolerance, name


def test_no_initial_state_is_the_zero_state():
    inputs = make_inputs(2, 9, 3, 4)
    inputs["h0"] = torch.zeros_like(inputs["h0"])
    with_zeros = selective_scan(*inputs.values())
    inputs.pop("h0")
    for a, b in zip(selective_scan(*inputs.values()), with_zeros, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("used", [0, 1])
def test_gradient_through_one_result_alone(used):
    inputs = make_inputs(2, 11, 3, 4)
    for scan in (selective_scan, selective_scan_reference):
        results = scan(*inputs.values())
        grads = torch.autograd.grad(
            results[used].square().sum(), list(inputs.values()), allow_unused=True
        )
        if scan is selective_scan:
            found = grads
    for name, a, b in zip(NAMES, found, grads, strict=True):
        truth = torch.zeros_like(inputs[name]) if b is None else b
        assert a is None or torch.allclose(a, truth, rtol=1e-10, atol=1e-12), name


def test_strided_inputs_give_the_results_of_contiguous_ones():
    inputs = make_inputs(3, 20, 4, 5)
    strided = {name: torch.stack([x, -x], dim=-1).detach()[..., 0] for name, x in inputs.items()}
    assert not any(x.is_contiguous() for x in strided.values())
    strided = {name: x.requires_grad_() for name, x in strided.items()}
    found, found_grads = gradients(selective_scan, strided)
    truth, true_grads = gradients(selective_scan, inputs)
    for a, b in zip([*found, *found_grads], [*truth, *true_grads], strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-13)


@given(cut=st.integers(1, 39))
@settings(max_examples=10, deadline=None)
def test_carrying_the_state_over_a_cut_changes_nothing(cut):
    inputs = {name: x.detach() for name, x in make_inputs(2, 40, 3, 4).items()}
    whole, last = selective_scan(*inputs.values())
    series = ("u", "dt", "B", "C", "z")

    def part(at: slice, h0: Tensor) -> tuple[Tensor, Tensor]:
        cut_inputs = {k: x[:, at] if k in series else x for k, x in inputs.items()}
        return selective_scan(*(cut_inputs | {"h0": h0}).values())

    before, h = part(slice(0, cut), inputs["h0"])
    steps = [before]
    for t in range(cut, 40):
        y, h = part(slice(t, t + 1), h)
        steps.append(y)
    assert torch.allclose(torch.cat(steps, dim=1), whole, rtol=1e-12, atol=1e-13)
    assert torch.allclose(h, last, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("strength", [30.0, 300.0, 1e4])
def test_the_strongest_decay_stays_finite_and_right(strength):
    results = []
    for dtype, scan in ((torch.float32, selective_scan), (torch.float64, selective_scan_reference)):
        inputs = make_inputs(2, 50, 3, 4, dtype)
        # softplus is close to the identity here: dt * A reaches from -strength downwards.
        inputs["dt"] = torch.full_like(inputs["dt"], 20.0).requires_grad_()
        inputs["A"] = torch.full_like(inputs["A"], -strength / 20).requires_grad_()
        found, grads = gradients(scan, inputs)
        results.append([*found, *grads])
    for a, b in zip(*results, strict=True):
        assert a.isfinite().all()
        # Where float64 still tells 1e-100 from nothing, float32 may answer 0.
        assert torch.allclose(a.double(), b, rtol=1e-4, atol=1e-4 * float(b.abs().max()) + 1e-37)


def test_a_decay_of_one_for_a_long_time_stays_right():
    inputs = make_inputs(1, 8192, 1, 2, torch.float32)
    inputs["A"] = torch.full_like(inputs["A"], -1e-6).requires_grad_()
    with torch.no_grad():
        y, _ = selective_scan(*inputs.values())
        truth, _ = selective_scan_reference(*(x.double() for x in inputs.values()))
    assert relative_error(y, truth) < 1e-5


@pytest.mark.parametrize("future", [float("nan"), 1e30, 0.0])
def test_the_future_does_not_reach_the_past(future):
    inputs = {name: x.detach() for name, x in make_inputs(2, 300, 3, 4, torch.float32).items()}
    y, _ = selective_scan(*inputs.values())
    for name in ("u", "dt", "B", "C", "z"):
        inputs[name] = inputs[name].clone()
        inputs[name][:, 200:] = future
    changed, _ = selective_scan(*inputs.values())
    assert torch.equal(changed[:, :200], y[:, :200])


def test_rows_of_the_batch_do_not_meet():
    inputs = {name: x.detach() for name, x in make_inputs(3, 20, 3, 4).items()}
    y, h = selective_scan(*inputs.values())
    for name in ("u", "dt", "B", "C", "z", "h0"):
        inputs[name] = inputs[name].clone()
        inputs[name][1] = float("nan")
    changed, changed_h = selective_scan(*inputs.values())
    assert torch.equal(changed[[0, 2]], y[[0, 2]])
    assert torch.equal(changed_h[[0, 2]], h[[0, 2]])


def test_backward_repeats_bit_for_bit():
    first, second = (
        gradients(selective_scan, make_inputs(4, 100, 8, 16, torch.float32))[1] for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_half_precision_keeps_a_float32_state():
    inputs = {name: x.detach() for name, x in make_inputs(2, 64, 4, 8).items()}
    halved = {name: x.bfloat16() for name, x in inputs.items()}
    y, h = selective_scan(*halved.values())
    truth, _ = selective_scan_reference(*(x.double() for x in halved.values()))
    assert (y.dtype, h.dtype) == (torch.bfloat16, torch.float32)
    assert relative_error(y, truth) < 1e-2


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("u", (2, 3)),
        ("u", (2, 0, 3)),
        *itertools.product(("dt", "z"), [(2, 6, 3), (2, 5, 4), (5, 3)]),
        *itertools.product(("B", "C"), [(2, 5, 3), (2, 4), (1, 5, 4)]),
        ("A", (4, 3)),
        ("A", (3,)),
        ("D", (4,)),
        ("dt_bias", (1,)),
        ("h0", (2, 4, 3)),
    ],
)
def test_a_wrong_shape_is_named(name, shape):
    inputs = make_inputs(2, 5, 3, 4)
    inputs[name] = torch.zeros(shape, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"^\w+ has shape \(.*\), expected \("):
        selective_scan(*inputs.values())
