"""Causal depthwise convolution and SiLU in pure torch, with a hand-written backward pass.

Written as shifted multiply-adds: a convolution of four taps needs no transposition to
channels-first, which costs more than the arithmetic.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def convolve(x: Tensor, weight: Tensor, bias: Tensor, tail: Tensor | None) -> Tensor:
    """The contract of `forecasting.kernels.causal_conv_silu`."""
    if tail is None:
        return _ShiftedConvolution.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    whole = torch.cat([tail.to(x.dtype), x], dim=1)
    y: Tensor = _ShiftedConvolution.apply(whole, weight, bias)  # type: ignore[no-untyped-call]
    return y[:, tail.shape[1] :]


class _ShiftedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        taps = weight.t().flip(0)  # taps[j] weighs the bar j steps back
        summed = torch.addcmul(bias, x, taps[0])
        for j in range(1, min(len(taps), x.shape[1])):
            summed[:, j:].addcmul_(x[:, :-j], taps[j])
        ctx.save_for_backward(x, taps, summed)
        return F.silu(summed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, taps, summed = ctx.saved_tensors
        gate = torch.sigmoid(summed)
        dsummed = dy * gate * (1 + summed * (1 - gate))
        dx = dsummed * taps[0]
        dtaps = torch.zeros_like(taps)
        dtaps[0] = (dsummed * x).sum((0, 1))
        for j in range(1, min(len(taps), x.shape[1])):
            dx[:, :-j].addcmul_(dsummed[:, j:], taps[j])
            dtaps[j] = (dsummed[:, j:] * x[:, :-j]).sum((0, 1))
        return dx, dtaps.flip(0).t(), dsummed.sum((0, 1))
