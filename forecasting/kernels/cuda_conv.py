"""The causal convolution with SiLU of the package causal-conv1d, for the calls that fit it.

Its kernel reads channels-last as it is, if the channels come in eights; it has 2 to 4 taps, one
type for the taps and their bias, and a backward pass that adds with atomics. What the package can
do is found by looking at it, never at its version.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

_WIDTHS = (2, 3, 4)
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_CHANNELS = 8  # the kernel's vectors


def available() -> str | None:
    """Say why this convolution cannot run here, or None if it can."""
    if importlib.util.find_spec("causal_conv1d") is None:
        return "causal-conv1d is not installed; it is in the `cuda` extra"
    if not torch.cuda.is_available():
        return "torch finds no NVIDIA GPU"
    try:
        _causal_conv1d_fn()
    except Exception as failure:  # a foreign extension: whatever it throws, it cannot be used
        return f"causal-conv1d does not load: {type(failure).__name__}: {failure}".splitlines()[0]
    return None


def supports(x: Tensor, weight: Tensor) -> str | None:
    """Say why this convolution refuses a call, or None if it takes it."""
    if not x.is_cuda:
        return f"x is on {x.device.type}, expected cuda"
    for name, tensor in (("x", x), ("weight", weight)):
        if tensor.dtype not in _DTYPES:
            return f"{name} is {tensor.dtype}, expected float32, bfloat16 or float16"
    if weight.shape[1] not in _WIDTHS:
        return f"weight has {weight.shape[1]} taps, causal-conv1d takes 2 to 4"
    if x.shape[0] == 0 or x.shape[2] % _CHANNELS:
        return f"x has shape {tuple(x.shape)}, causal-conv1d takes multiples of 8 channels"
    needs_grad = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    if needs_grad and torch.are_deterministic_algorithms_enabled():
        return "deterministic algorithms are asked for, causal-conv1d's gradients use atomics"
    return None


def convolve(
    x: Float[Tensor, "batch length channel"],
    weight: Float[Tensor, "channel width"],
    bias: Float[Tensor, " channel"],
    tail: Float[Tensor, "batch before channel"] | None = None,
) -> Float[Tensor, "batch length channel"]:
    """The contract of `forecasting.kernels.causal_conv_silu`, for a call that `supports` takes."""
    whole = x if tail is None else torch.cat([tail.to(x.dtype), x], dim=1)
    y = _causal_conv1d_fn()(
        whole.contiguous().transpose(1, 2), weight, bias.to(weight.dtype), activation="silu"
    )
    return y.transpose(1, 2)[:, whole.shape[1] - x.shape[1] :]


@functools.cache
def _causal_conv1d_fn() -> Callable[..., Tensor]:
    """Import causal-conv1d.

    Raises:
        ImportError: The package is there without its CUDA kernel.
    """
    function = importlib.import_module("causal_conv1d").causal_conv1d_fn
    if function is None:
        raise ImportError("it was built without causal_conv1d_cuda")
    return function
