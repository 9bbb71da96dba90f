import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from forecasting.kernels import causal_conv_silu, cpp_conv


def make_inputs(batch: int, length: int, channels: int, width: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(length)
    shapes = ((batch, length, channels), (channels, width), (channels,))
    return tuple(
        torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    )


def by_definition(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    width = weight.shape[1]
    padded = F.pad(x.transpose(1, 2), (width - 1, 0))
    summed = F.conv1d(padded, weight.unsqueeze(1), bias, groups=len(weight))
    return F.silu(summed).transpose(1, 2)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (2, 2, 3, 4), (2, 4, 3, 4), (3, 17, 5, 4), (1, 9, 2, 1)]
)
def test_equals_torch_convolution_forward_and_backward(shape):
    results = []
    for convolve in (causal_conv_silu, by_definition):
        inputs = make_inputs(*shape)
        y = convolve(*inputs)
        weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
        results.append([y, *torch.autograd.grad((y * weights).sum(), inputs)])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-13)


needs_library = pytest.mark.skipif(
    cpp_conv.available() is not None, reason=f"no library: {cpp_conv.available()}"
)


@needs_library
@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 3), st.integers(1, 30), st.integers(1, 70), st.integers(1, 16)),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    layout=st.sampled_from(["plain", "channels first", "part"]),
    with_tail=st.booleans(),
)
def test_cpp_equals_torch_for_any_shape_type_and_layout(shape, dtype, layout, with_tail):
    batch, _, channels, width = shape
    x, weight, bias = (each.detach().to(dtype) for each in make_inputs(*shape))
    if layout == "channels first":
        x = x.transpose(1, 2).contiguous().transpose(1, 2)
    if layout == "part":
        x = torch.cat([x + 1, x], dim=2).split(channels, dim=2)[1]
    inputs = [x, weight, bias]
    if with_tail:
        inputs.append(
            torch.linspace(-1, 1, batch * (width - 1) * channels)
            .to(dtype)
            .view(batch, width - 1, channels)
        )
    results = []
    for backend, kind in (("cpp", dtype), ("torch", torch.float64)):
        leaves = [each.detach().to(kind).requires_grad_() for each in inputs]
        leaves[0] = (x if kind == dtype else x.double()).requires_grad_()
        y = causal_conv_silu(*leaves, backend=backend)
        grads = torch.autograd.grad(y.square().sum(), leaves, allow_unused=True)
        results.append([y.detach(), *grads])
    bound = {torch.float32: 1e-5, torch.bfloat16: 5e-2, torch.float16: 1e-2}[dtype]
    for a, b in zip(*results, strict=True):
        truth = torch.zeros(a.shape, dtype=torch.float64) if b is None else b
        assert a.shape == truth.shape
        scale = float(truth.abs().max()) if truth.numel() else 0.0
        assert torch.allclose(a.double(), truth, rtol=0, atol=bound * scale + 1e-6)


@needs_library
def test_one_and_two_threads_agree_bit_for_bit():
    shape = (4, 200, 96, 4)
    before, runs = torch.get_num_threads(), []
    for threads in (1, 2, 2):
        torch.set_num_threads(threads)
        inputs = [x.detach().float().requires_grad_() for x in make_inputs(*shape)]
        y = causal_conv_silu(*inputs, backend="cpp")
        runs.append([y.detach(), *torch.autograd.grad(y.square().sum(), inputs)])
    torch.set_num_threads(before)
    for other in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


@needs_library
def test_the_operators_pass_opcheck():
    x, weight, bias = (each.detach().float().requires_grad_() for each in make_inputs(2, 9, 5, 4))
    tail = torch.ones(2, 3, 5, requires_grad=True)
    for given_tail in (tail, None):
        arguments = (x, weight, bias, given_tail)
        torch.library.opcheck(torch.ops.forecasting.conv_silu.default, arguments)
    arguments = tuple(a.detach() for a in (torch.ones(2, 9, 5), x, weight, bias, tail))
    torch.library.opcheck(torch.ops.forecasting.conv_silu_backward.default, arguments)


@pytest.mark.parametrize("backend", ["torch", pytest.param("cpp", marks=needs_library)])
@pytest.mark.parametrize("cut", [1, 2, 5, 8])
def test_carrying_the_tail_over_a_cut_changes_nothing(backend, cut):
    x, weight, bias = (each.detach().float() for each in make_inputs(2, 9, 5, 4))
    whole = causal_conv_silu(x, weight, bias, backend=backend)
    tail = F.pad(x, (0, 0, 3, 0))[:, cut : cut + 3]
    rest = causal_conv_silu(x[:, cut:], weight, bias, tail, backend=backend)
    assert torch.allclose(rest, whole[:, cut:], rtol=1e-6, atol=1e-6)


def test_gradcheck():
    assert torch.autograd.gradcheck(causal_conv_silu, make_inputs(2, 6, 3, 4))


def test_strided_input():
    x, weight, bias = make_inputs(3, 10, 4, 4)
    strided = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    assert not strided.is_contiguous()
    assert torch.equal(causal_conv_silu(strided, weight, bias), causal_conv_silu(x, weight, bias))


def test_the_future_does_not_reach_the_past():
    x, weight, bias = (tensor.detach() for tensor in make_inputs(2, 30, 3, 4))
    y = causal_conv_silu(x, weight, bias)
    x = x.clone()
    x[:, 20:] = torch.nan
    assert torch.equal(causal_conv_silu(x, weight, bias)[:, :20], y[:, :20])


@pytest.mark.parametrize(
    ("position", "shape"), [(0, (2, 3)), (1, (4, 4)), (1, (3,)), (2, (4,)), (2, (3, 1))]
)
def test_a_wrong_shape_is_named(position, shape):
    inputs = list(make_inputs(2, 5, 3, 4))
    inputs[position] = torch.zeros(shape, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"^(x|weight|bias) has shape \(.*\), expected \("):
        causal_conv_silu(*inputs)
