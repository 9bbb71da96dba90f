import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from forecasting.kernels import causal_conv_silu


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
