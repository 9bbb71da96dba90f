"""The selective scan on an NVIDIA GPU, by our own Triton kernels; `triton_kernels` has the loops.

The face of those kernels: which calls they take, how they are launched, and the tensors in and out.
The launch comes from a small table instead of measurements at run time, so a shape always runs
the same binary and gives the same bits.

Triton is imported when it is first needed: it comes with PyTorch's CUDA wheels and with no other.
With `TRITON_INTERPRET=1` in the environment the kernels run on the CPU, slowly, for tests.
"""

import functools
import importlib
import importlib.util
import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

MAX_STATE = 256
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_OLDEST_DEVICE = (8, 0)
# Bars whose loads the forward kernel issues together.
UNROLL = 4
# Bars between two kept states, a multiple of UNROLL: a channel keeps length / 32 states for the
# backward pass, which replays 32 at a time.
_CHUNK = 32


@dataclass(frozen=True)
class Launch:
    """How the kernels cut (state, channel) into tiles, and how many warps share a tile."""

    block_n: int
    """The state, padded to a power of two."""
    block_d: int
    """Channels of a tile."""
    forward_warps: int
    """16 states of one channel to a thread."""
    backward_warps: int
    """8 states of one channel to a thread; it holds five numbers for each."""


# By the padded state. Compiled for every entry, both kernels stay free of spilled registers.
_LAUNCHES = {
    **{block_n: Launch(block_n, 32, 1, 1) for block_n in (1, 2, 4)},
    8: Launch(8, 32, 1, 2),
    16: Launch(16, 32, 1, 2),
    32: Launch(32, 32, 2, 4),
    64: Launch(64, 16, 2, 4),
    128: Launch(128, 8, 2, 4),
    256: Launch(256, 8, 4, 8),
}


def launch_for(state: int) -> Launch:
    """Look up the launch for a state from 1 to `MAX_STATE`."""
    return _LAUNCHES[1 << (state - 1).bit_length()]


def available() -> str | None:
    """Say why this back-end cannot run here, or None if it can."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed; it comes with the CUDA build of torch"
    if _is_interpreted():
        return None
    if not torch.cuda.is_available() or torch.version.cuda is None:
        return "torch finds no NVIDIA GPU"
    if torch.cuda.get_device_capability() < _OLDEST_DEVICE:
        found = ".".join(map(str, torch.cuda.get_device_capability()))
        return f"the GPU has compute capability {found}, needed 8.0 or above"
    if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        return "triton needs a C compiler to start its kernels: install gcc or set CC"
    return None


def supports(u: Tensor, A: Tensor, h0: Tensor | None, needs_grad: bool) -> str | None:
    """Say why this back-end refuses a call, or None if it takes it; gradients cost it nothing."""
    if not (u.is_cuda or _is_interpreted()):
        return f"u is on {u.device.type}, expected cuda"
    for name, tensor in (("u", u), ("A", A), ("h0", h0)):
        if tensor is not None and tensor.dtype not in _DTYPES:
            return f"{name} is {tensor.dtype}, expected float32, bfloat16 or float16"
    if not 1 <= A.shape[1] <= MAX_STATE:
        return f"the state is {A.shape[1]}, expected 1 to {MAX_STATE}"
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

    Differentiable once in every argument and through both results; the state is float32. Gradients
    of B and C are summed in a fixed order, so a repeated backward pass gives the same bits.
    """
    # One type for all series: no more binaries than the tests compile, and nothing rounded.
    given = functools.reduce(torch.promote_types, (x.dtype for x in (u, dt, B, C, z)))
    series = given if given in _DTYPES else torch.float32
    start = u.new_zeros(len(u), *A.shape, dtype=torch.float32) if h0 is None else h0.float()
    inputs = (
        *(u.to(series), dt.to(series), A.float(), B.to(series), C.to(series)),
        *(D.float(), z.to(series), dt_bias.float(), start),
    )
    needs_grad = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    chunk = min(_CHUNK, u.shape[1]) if needs_grad else u.shape[1]
    y, h_last = _Scan.apply(chunk, *inputs)  # type: ignore[no-untyped-call]
    return y.to(u.dtype), h_last


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, chunk: int, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        u, dt, A, B, C, D, z, dt_bias, h0 = (x.contiguous() for x in inputs)
        (batch, length, channels), state = u.shape, A.shape[1]
        launch = launch_for(state)
        rate, start = _to_tiles(A, launch), _to_tiles(h0, launch)
        blocks, *tile = rate.shape
        states = start.new_empty(batch, blocks, -(-length // chunk) + 1, *tile)
        states[:, :, 0] = start
        y = torch.empty_like(u)
        arguments = (u, dt, rate, B, C, D, z, dt_bias, states)
        with _on_device_of(u):
            _kernels().forward_kernel[batch, blocks](
                *arguments, y, length, channels, state, chunk, BLOCK_N=launch.block_n,
                BLOCK_D=launch.block_d, UNROLL=UNROLL, num_warps=launch.forward_warps,
            )  # fmt: skip
        ctx.save_for_backward(*arguments)
        ctx.state, ctx.chunk = state, chunk
        return y, _from_tiles(states[:, :, -1], channels, state)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dh_last: Tensor) -> tuple[Tensor | None, ...]:
        u, dt, rate, B, C, D, z, dt_bias, states = ctx.saved_tensors
        (batch, length, channels), state, chunk = u.shape, ctx.state, ctx.chunk
        blocks, *tile = rate.shape
        launch = launch_for(state)
        dstate = _to_tiles(dh_last, launch)
        scratch = dstate.new_empty(batch, blocks, chunk, *tile)
        du, ddt, dz = (torch.empty_like(x) for x in (u, dt, z))
        dA = torch.empty_like(dstate)
        dB, dC = (dstate.new_empty(blocks, *x.shape) for x in (B, C))
        dD, dbias = (dstate.new_empty(batch, channels) for _ in range(2))
        with _on_device_of(u):
            _kernels().backward_kernel[batch, blocks](
                *(u, dt, rate, B, C, D, z, dt_bias, states, dy.contiguous(), dstate, scratch),
                *(du, ddt, dA, dB, dC, dD, dz, dbias, length, channels, state, chunk),
                BLOCK_N=launch.block_n, BLOCK_D=launch.block_d, num_warps=launch.backward_warps,
            )  # fmt: skip
        dA, dh0 = (_from_tiles(x, channels, state) for x in (dA.sum(0), dstate))
        dB, dC, dD, dbias = (x.sum(0) for x in (dB, dC, dD, dbias))
        return None, du, ddt, dA, dB.to(B.dtype), dC.to(C.dtype), dD, dz, dbias, dh0


def _to_tiles(x: Tensor, launch: Launch) -> Tensor:
    """(..., channel, state) -> (..., block, BLOCK_N, BLOCK_D), padded with zeros."""
    channels, state = x.shape[-2:]
    padded = F.pad(x, (0, launch.block_n - state, 0, -channels % launch.block_d))
    n_blocks = padded.shape[-2] // launch.block_d
    blocks = padded.view(*x.shape[:-2], n_blocks, launch.block_d, launch.block_n)
    return blocks.transpose(-1, -2).contiguous()


def _from_tiles(tiles: Tensor, channels: int, state: int) -> Tensor:
    """Undo `_to_tiles`."""
    flat = tiles.transpose(-1, -2).flatten(-3, -2)
    return flat[..., :channels, :state].contiguous()


def _on_device_of(u: Tensor) -> AbstractContextManager[object]:
    return torch.cuda.device(u.device) if u.is_cuda else nullcontext()


@functools.cache
def _kernels() -> ModuleType:
    return importlib.import_module("forecasting.kernels.triton_kernels")


def _is_interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET") == "1"
