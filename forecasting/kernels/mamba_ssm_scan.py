"""The selective scan of the package mamba-ssm, for the calls that fit it.

Its CUDA kernel is made for Mamba and has limits: no initial state, no gradient through the last
state, a state of at most 256, one type for all series, and a backward pass that adds with atomics.
`supports` refuses what is known before a call. A gradient through `h_last` shows only in the
backward pass, and that part is then taken from our own kernels.

What the installed package can do is found by looking at it, never at its version: releases differ
in whether they carry the CUDA kernel and in how they fail without it.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from forecasting.kernels import torch_scan, triton_scan

MAX_STATE = 256
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# Of a CUDA grid, along the axis that the kernel gives to the channels.
_MOST_BLOCKS = 65_535


def available() -> str | None:
    """Say why this back-end cannot run here, or None if it can."""
    if importlib.util.find_spec("mamba_ssm") is None:
        return "mamba-ssm is not installed; it is in the `cuda` extra"
    if not torch.cuda.is_available():
        return "torch finds no NVIDIA GPU"
    try:
        _selective_scan_fn()
    except Exception as failure:  # a foreign extension: whatever it throws, it cannot be used
        return f"mamba-ssm does not load: {type(failure).__name__}: {failure}".splitlines()[0]
    return None


def supports(u: Tensor, A: Tensor, h0: Tensor | None, needs_grad: bool) -> str | None:
    """Say why this back-end refuses a call, or None if it takes it."""
    if not u.is_cuda:
        return f"u is on {u.device.type}, expected cuda"
    if h0 is not None:
        return "mamba-ssm takes no initial state h0"
    for name, tensor in (("u", u), ("A", A)):
        if tensor.dtype not in _DTYPES:
            return f"{name} is {tensor.dtype}, expected float32, bfloat16 or float16"
    if A.shape[1] > MAX_STATE:
        return f"the state is {A.shape[1]}, mamba-ssm takes up to {MAX_STATE}"
    if u.shape[0] == 0 or u.shape[2] > _MOST_BLOCKS:
        return f"u has shape {tuple(u.shape)}, expected a row and at most {_MOST_BLOCKS} channels"
    if needs_grad and torch.are_deterministic_algorithms_enabled():
        return "deterministic algorithms are asked for, mamba-ssm's gradients use atomics"
    return None


def scan(
    u: Float[Tensor, "batch length channel"],
    dt: Float[Tensor, "batch length channel"],
    A: Float[Tensor, "channel state"],
    B: Float[Tensor, "batch length state"],
    C: Float[Tensor, "batch length state"],
    D: Float[Tensor, " channel"],
    z: Float[Tensor, "batch length channel"],
    dt_bias: Float[Tensor, " channel"],
    h0: Float[Tensor, "batch channel state"] | None = None,
) -> tuple[Float[Tensor, "batch length channel"], Float[Tensor, "batch channel state"]]:
    """The contract of `forecasting.kernels.selective_scan`, for a call that `supports` takes.

    Raises:
        ValueError: There is an initial state.
    """
    if h0 is not None:
        raise ValueError("h0 is given, expected None: mamba-ssm takes no initial state")
    # The kernel wants one type for the series, float32 for the rest, and adjacent bars.
    dtype = functools.reduce(torch.promote_types, (x.dtype for x in (u, dt, B, C, z)))
    series = [x.to(dtype).transpose(1, 2).contiguous() for x in (u, dt, B, C, z)]
    rates = [x.float().contiguous() for x in (A, D, dt_bias)]
    (rows, steps, inputs, outputs, gate), (A, D, dt_bias) = series, rates
    y, h_last = _selective_scan_fn()(
        *(rows, steps, A, inputs, outputs, D, gate, dt_bias),
        delta_softplus=True,
        return_last_state=True,
    )
    h_last = _LastState.apply(  # type: ignore[no-untyped-call]
        h_last.detach().float(), u, dt, A, B, C, D, z, dt_bias
    )
    return y.transpose(1, 2).to(u.dtype), h_last


class _LastState(torch.autograd.Function):
    """Give mamba-ssm's last state the gradient that the package leaves out."""

    @staticmethod
    def forward(ctx: Any, h_last: Tensor, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        return h_last.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh_last: Tensor) -> tuple[Tensor | None, ...]:
        other = torch_scan if triton_scan.available() else triton_scan
        leaves = [x.detach().requires_grad_() for x in ctx.saved_tensors]
        with torch.enable_grad():
            _, h_last = other.scan(*leaves, None)
        return None, *torch.autograd.grad(h_last, leaves, dh_last, allow_unused=True)


@functools.cache
def _selective_scan_fn() -> Callable[..., tuple[Tensor, Tensor]]:
    """Import mamba-ssm, which takes seconds.

    Raises:
        ImportError: The package is there without its CUDA kernel.
    """
    interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    if getattr(interface, "selective_scan_cuda", None) is None:
        raise ImportError("it was built without selective_scan_cuda")
    return interface.selective_scan_fn
