import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.kernels import linear


@settings(max_examples=30, deadline=None)
@given(
    axes=st.lists(st.integers(0, 4), max_size=3),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
def test_equals_torch_forward_and_backward(axes, sizes, dtype):
    generator = torch.Generator().manual_seed(sum(axes))
    x = torch.randn(*axes, sizes[0], generator=generator).to(dtype).requires_grad_()
    weight = torch.randn(*sizes[::-1], generator=generator).to(dtype).requires_grad_()
    results = []
    for product in (linear, F.linear):
        y = product(x, weight)
        results.append([y, *torch.autograd.grad(y.square().sum(), (x, weight))])
    for a, b in zip(*results, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        bound = {torch.float32: 1e-4, torch.float64: 1e-12, torch.bfloat16: 1e-1}[dtype]
        assert torch.allclose(
            a, b, rtol=bound, atol=bound * float(b.detach().abs().max()) if b.numel() else 0
        )


def test_strides_and_views():
    x = torch.randn(3, 10, 8).transpose(0, 1)
    weight = torch.randn(12, 16)[::2, ::2]
    assert torch.allclose(linear(x, weight), F.linear(x, weight), atol=1e-5)


def test_autocast_rules():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == torch.bfloat16


@pytest.mark.parametrize("frozen", [0, 1])
def test_a_frozen_argument_has_no_gradient(frozen):
    arguments = [torch.randn(5, 4), torch.randn(3, 4)]
    free = arguments[1 - frozen].requires_grad_()
    linear(*arguments).sum().backward()
    assert free.grad is not None
    assert arguments[frozen].grad is None
