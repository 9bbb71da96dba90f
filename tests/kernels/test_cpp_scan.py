import multiprocessing
import os

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernels.scan_cases import NAMES, SHAPES, gradients, make_inputs, relative_error

from forecasting.errors import ConfigError
from forecasting.kernels import cpp_scan, selective_scan
from forecasting.kernels.cpp_library import library
from forecasting.kernels.reference import selective_scan_reference

pytestmark = pytest.mark.skipif(
    cpp_scan.available() is not None, reason=f"no library: {cpp_scan.available()}"
)

ISAS = [
    name
    for name in ("avx512", "avx2", "sse2", "neon")
    if cpp_scan.available() is None and library().forecasting_use_isa(name.encode()) == 0
]

if ISAS:  # asking for one chooses it: back to the best
    library().forecasting_use_isa(ISAS[0].encode())


@pytest.fixture(params=ISAS)
def isa(request):
    library().forecasting_use_isa(request.param.encode())
    yield request.param
    library().forecasting_use_isa(ISAS[0].encode())


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def cpp(*inputs):
    return selective_scan(*inputs, backend="cpp")


@pytest.mark.parametrize("shape", [*SHAPES, (2, 18, 300, 17), (1, 5, 16, 256)])
def test_every_instruction_set_equals_the_reference(isa, shape):
    found, found_grads = gradients(cpp, make_inputs(*shape, torch.float32))
    truth, true_grads = gradients(selective_scan_reference, make_inputs(*shape))
    pairs = zip(("y", "h_last", *NAMES), [*found, *found_grads], [*truth, *true_grads], strict=True)
    for name, a, b in pairs:
        assert a.dtype == torch.float32, name
        assert a.shape == b.shape, name
        assert relative_error(a, b) < 2e-5, name


def test_exponential(isa):
    x = torch.linspace(-87.0, 88.0, 100_003)
    y = torch.empty_like(x)
    library().forecasting_exponential(x.data_ptr(), y.data_ptr(), x.numel())
    assert float((y.double() / x.double().exp() - 1).abs().max()) < 5e-7
    x = torch.tensor([float("-inf"), -1e30, -300.0, 0.0, 200.0, float("inf"), float("nan")])
    library().forecasting_exponential(x.data_ptr(), y.data_ptr(), x.numel())
    assert y[: x.numel()].nan_to_num(7.0, posinf=torch.inf).tolist() == [
        0,
        0,
        0,
        1,
        *2 * [torch.inf],
        7,
    ]


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(1, 70), st.integers(1, 20)),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    layout=st.sampled_from(["plain", "channels first", "every second", "part", "one row for all"]),
    with_h0=st.booleans(),
    wide_weights=st.booleans(),
)
@example((1, 1, 1, 256), torch.float32, "plain", True, False)
@example((2, 3, 2, 1), torch.bfloat16, "every second", True, True)
def test_any_shape_type_and_layout(shape, dtype, layout, with_h0, wide_weights):
    inputs = {name: x.detach().to(dtype) for name, x in make_inputs(*shape).items()}
    if wide_weights:
        inputs |= {name: inputs[name].float() for name in ("B", "C")}
    for name in ("u", "dt", "z", "B", "C"):
        inputs[name] = laid_out(inputs[name], layout)
    if not with_h0:
        inputs["h0"] = None
    inputs = {k: None if x is None else x.requires_grad_() for k, x in inputs.items()}
    wide = {
        k: None if x is None else x.detach().double().requires_grad_() for k, x in inputs.items()
    }
    found = cpp(*inputs.values())
    truth = selective_scan_reference(*wide.values())
    assert (found[0].dtype, found[1].dtype) == (dtype, torch.float32)
    given_inputs = [[x for x in each.values() if x is not None] for each in (inputs, wide)]
    found_grads = torch.autograd.grad(sum(x.float().sum() for x in found), given_inputs[0])
    true_grads = torch.autograd.grad(sum(x.sum() for x in truth), given_inputs[1])
    for a, b in zip([*found, *found_grads], [*truth, *true_grads], strict=True):
        assert a.shape == b.shape
        scale = float(b.detach().abs().max()) if b.numel() else 1.0
        bound = {torch.float32: 5e-5, torch.bfloat16: 3e-2, torch.float16: 5e-3}[dtype]
        assert torch.allclose(a.double(), b, rtol=0, atol=bound * scale + 1e-6)


def laid_out(x, layout):
    """The same numbers in another order of memory."""
    if layout == "channels first":
        return x.transpose(1, 2).contiguous().transpose(1, 2)
    if layout == "every second":
        return torch.stack([x, -x], dim=-1)[..., 0]
    if layout == "part":
        return torch.cat([x + 1, x, x - 1], dim=2).split(x.shape[2], dim=2)[1]
    if layout == "one row for all" and len(x):
        return x[:1].expand(x.shape)
    return x


@pytest.mark.parametrize("shape", [(4, 100, 96, 16), (1, 200, 300, 5), (3, 333, 128, 16)])
def test_one_and_two_threads_agree_bit_for_bit(threads, shape):
    runs = []
    for count in (1, 2, 2, 3):
        threads(count)
        results, grads = gradients(cpp, make_inputs(*shape, torch.float32))
        runs.append([*results, *grads])
    for other in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


def test_results_on_large_pages_are_those_of_small_ones(threads):
    threads(2)
    inputs = make_inputs(2, 1100, 256, 2, torch.float32)  # u takes 2.1 MiB, a row of it half
    (y, h_last), grads = gradients(cpp, inputs)
    series = {"u", "dt", "B", "C", "z", "h0"}
    assert y.data_ptr() % 2**21 == 0
    for row in range(2):
        own = {k: x[row : row + 1] if k in series else x for k, x in inputs.items()}
        alone = cpp(*own.values())
        assert torch.equal(alone[0][0], y[row])
        assert torch.equal(alone[1][0], h_last[row])
    _, truth = gradients(selective_scan_reference, {k: x.double() for k, x in inputs.items()})
    for name, found, exact in zip(NAMES, grads, truth, strict=True):
        assert relative_error(found, exact) < 1e-5, name


def test_several_callers_at_once_agree_with_one():
    from concurrent.futures import ThreadPoolExecutor

    inputs = [x.detach() for x in make_inputs(2, 300, 64, 16, torch.float32).values()]
    alone = cpp(*inputs)[0]
    with ThreadPoolExecutor(4) as callers:
        for y, _ in callers.map(lambda _: cpp(*inputs), range(16)):
            assert torch.equal(y, alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_scans(threads):
    threads(2)
    inputs = [x.detach() for x in make_inputs(2, 300, 64, 16, torch.float32).values()]
    alone = cpp(*inputs)[0]
    child = multiprocessing.get_context("fork").Process(target=cpp, args=inputs)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert torch.equal(cpp(*inputs)[0], alone)


def test_the_operators_pass_opcheck():
    inputs = list(make_inputs(2, 19, 5, 3, torch.float32).values())
    torch.library.opcheck(torch.ops.forecasting.scan.default, (*inputs, True))
    torch.library.opcheck(torch.ops.forecasting.scan.default, (*inputs[:-1], None, True))
    inputs = [x.detach() for x in inputs]
    y, h, checkpoints = torch.ops.forecasting.scan(*inputs, True)
    arguments = (torch.ones_like(y), torch.ones_like(h), *inputs, checkpoints)
    torch.library.opcheck(torch.ops.forecasting.scan_backward.default, arguments)


def test_a_second_derivative_is_refused():
    inputs = list(make_inputs(1, 4, 2, 2, torch.float32).values())
    (du,) = torch.autograd.grad(cpp(*inputs)[0].sum(), inputs[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable once"):
        du.sum().backward()


@pytest.mark.parametrize("strength", [300.0, 1e4, 1e30])
def test_enormous_steps_forget_everything(isa, strength):
    inputs = make_inputs(2, 20, 18, 8, torch.float32)
    inputs["dt"] = torch.full_like(inputs["dt"], strength)
    inputs["A"] = -1 - inputs["A"].detach().abs()
    inputs["u"] = inputs["u"].detach() / strength
    inputs = {name: x.detach() for name, x in inputs.items()}
    truth = selective_scan_reference(*(x.double() for x in inputs.values()))
    for a, b in zip(cpp(*inputs.values()), truth, strict=True):
        assert relative_error(a, b) < 1e-5


def test_a_rate_that_is_not_finite_gives_what_the_formula_gives(isa):
    inputs = {name: x.detach() for name, x in make_inputs(2, 20, 18, 8, torch.float32).items()}
    inputs["A"][3, 2], inputs["A"][5, 1] = float("-inf"), float("nan")
    truth, _ = selective_scan_reference(*(x.double() for x in inputs.values()))
    y, _ = cpp(*inputs.values())
    assert torch.equal(y.isnan(), truth.isnan())
    assert torch.allclose(y.double().nan_to_num(), truth.nan_to_num(), rtol=1e-4, atol=1e-4)


def test_no_rows_give_no_rows():
    inputs = make_inputs(0, 5, 3, 4, torch.float32)
    results, grads = gradients(cpp, inputs)
    assert [tuple(x.shape) for x in results] == [(0, 5, 3), (0, 3, 4)]
    assert all(float(x.abs().sum()) == 0 for x in grads)


def test_float64_is_not_silently_rounded():
    with pytest.raises(ConfigError, match="float64"):
        cpp(*make_inputs(1, 3, 2, 2).values())


def test_memory_of_training():
    """At B4 L1024 D256 N16: checkpoints at most a sixteenth of all states."""
    inputs = [x.detach() for x in make_inputs(1, 64, 32, 16, torch.float32).values()]
    *_, checkpoints = torch.ops.forecasting.scan(*inputs, True)
    assert checkpoints.numel() == 64 * 32 * 16 // 16
    *_, checkpoints = torch.ops.forecasting.scan(*inputs, False)
    assert checkpoints.numel() == 0
