"""Causal depthwise convolution followed by SiLU, channels-last.

    c_t = bias + sum_{j=0}^{width-1} weight[width - 1 - j] x_{t-j},   y_t = c_t sigmoid(c_t),

with x before the first bar equal to zero. Written as shifted multiply-adds: a convolution of four
taps needs no transposition to channels-first, which costs more than the arithmetic.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def causal_conv_silu(
    x: Float[Tensor, "..."], weight: Float[Tensor, "..."], bias: Float[Tensor, "..."]
) -> Float[Tensor, "..."]:
    """Convolve each channel with its own taps over the present and the past, then SiLU.

    Differentiable once, in every argument.

    Args:
        x: Input, (batch, length, channel).
        weight: Taps, (channel, width), the present last, as in `torch.nn.Conv1d`.
        bias: (channel,).

    Returns:
        (batch, length, channel).

    Raises:
        ValueError: The shapes disagree.
    """
    if x.ndim != 3:
        raise ValueError(f"x has shape {tuple(x.shape)}, expected (batch, length, channel)")
    channels = x.shape[2]
    if weight.ndim != 2 or len(weight) != channels:
        raise ValueError(f"weight has shape {tuple(weight.shape)}, expected ({channels}, width)")
    if bias.shape != (channels,):
        raise ValueError(f"bias has shape {tuple(bias.shape)}, expected ({channels},)")
    return _ShiftedConvolution.apply(x, weight, bias)  # type: ignore[no-untyped-call]


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
