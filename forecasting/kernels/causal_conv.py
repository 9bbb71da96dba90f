"""Causal depthwise convolution followed by SiLU, channels-last.

    c_t = bias + sum_{j=0}^{width-1} weight[width - 1 - j] x_{t-j},   y_t = c_t sigmoid(c_t);

x before the first bar is the tail of what came before, or zero.
"""

from jaxtyping import Float
from torch import Tensor

from forecasting.kernels.backends import choose_convolution


def causal_conv_silu(
    x: Float[Tensor, "..."],
    weight: Float[Tensor, "..."],
    bias: Float[Tensor, "..."],
    tail: Float[Tensor, "..."] | None = None,
    *,
    backend: str = "auto",
) -> Float[Tensor, "..."]:
    """Convolve each channel with its own taps over the present and the past, then SiLU.

    Differentiable once, in every argument.

    Args:
        x: Input, (batch, length, channel).
        weight: Taps, (channel, width), the present last, as in `torch.nn.Conv1d`.
        bias: (channel,).
        tail: The width - 1 bars before the first, oldest first, (batch, width - 1, channel); None
            for zeros.
        backend: As for `selective_scan`.

    Returns:
        (batch, length, channel), in the type of `x`.

    Raises:
        ValueError: The shapes disagree, or the length is 0.
        ConfigError: There is no such back-end, or the one asked for cannot run these arguments.
    """
    if x.ndim != 3 or 0 in x.shape[1:]:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, expected (batch, length, channel), length and channel "
            "at least 1"
        )
    batch, _, channels = x.shape
    if weight.ndim != 2 or len(weight) != channels or weight.shape[1] == 0:
        raise ValueError(f"weight has shape {tuple(weight.shape)}, expected ({channels}, width)")
    if bias.shape != (channels,):
        raise ValueError(f"bias has shape {tuple(bias.shape)}, expected ({channels},)")
    before = (batch, weight.shape[1] - 1, channels)
    if tail is not None and tail.shape != before:
        raise ValueError(f"tail has shape {tuple(tail.shape)}, expected {before}")
    for name, tensor in {"weight": weight, "bias": bias, "tail": tail}.items():
        if tensor is not None and tensor.device != x.device:
            raise ValueError(f"{name} is on {tensor.device}, expected {x.device}, where x is")
    return choose_convolution(backend, x, weight)(x, weight, bias, tail)
