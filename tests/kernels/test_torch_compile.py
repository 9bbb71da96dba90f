"""The operators inside a compiled graph.

The operators themselves, because the run-time checks of types around their faces cannot be traced.
"""

import pytest
import torch
from kernels.scan_cases import gradients, make_inputs

from forecasting.kernels import cpp_conv, cpp_scan

pytestmark = pytest.mark.skipif(
    cpp_scan.available() is not None, reason="the C++ kernels cannot run here"
)


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def scan(*arguments):
    return torch.ops.forecasting.scan(*arguments, True)[:2]


def convolve(x, weight, bias):
    return cpp_conv.torch.ops.forecasting.conv_silu(x, weight, bias, None)


def test_the_scan_stays_in_one_graph_with_its_gradients():
    inputs = make_inputs(2, 33, 5, 4, torch.float32)
    truth, true_grads = gradients(scan, inputs)
    compiled = torch.compile(scan, backend="aot_eager", fullgraph=True)
    found, found_grads = gradients(compiled, inputs)
    for a, b in zip([*found, *found_grads], [*truth, *true_grads], strict=True):
        assert torch.equal(a, b)


def test_the_convolution_stays_in_one_graph_with_its_gradients():
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 33, 5), (5, 4), (5,))
    inputs = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]

    def with_gradients(function):
        y = function(*inputs)
        return y, *torch.autograd.grad(y.square().sum(), inputs)

    compiled = torch.compile(convolve, backend="aot_eager", fullgraph=True)
    for a, b in zip(with_gradients(compiled), with_gradients(convolve), strict=True):
        assert torch.equal(a, b)
