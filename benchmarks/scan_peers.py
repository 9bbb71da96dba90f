"""What the scan is measured against. A peer that is not installed is None.

Every scan takes the arguments of `forecasting.kernels.selective_scan` without h0 and returns y.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Scan = Callable[..., Tensor]


def mamba_ssm_reference() -> Scan | None:
    """mamba-ssm's `selective_scan_ref`; the package's CUDA door is stubbed to import it."""
    # transformers has to look for mamba-ssm before the stub makes its kernels seem present.
    with contextlib.suppress(ImportError):
        importlib.import_module("transformers.models.jamba.modeling_jamba")
    sys.modules.setdefault("selective_scan_cuda", ModuleType("selective_scan_cuda"))
    try:
        interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    except ImportError:
        return None

    def scan(
        u: Tensor,
        dt: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        z: Tensor,
        dt_bias: Tensor,
    ) -> Tensor:
        series = (x.transpose(1, 2) for x in (u, dt, B, C, z))
        u, dt, B, C, z = series
        y = interface.selective_scan_ref(u, dt, A, B, C, D, z, dt_bias, True)
        return y.transpose(1, 2)

    return scan


def mambapy_pscan() -> Scan | None:
    """The parallel scan of mambapy, with the same prologue and gate around it."""
    try:
        pscan = importlib.import_module("mambapy.pscan").pscan
    except ImportError:
        return None
    return lambda *arguments: _with_states(pscan, *arguments)


def two_level(*arguments: Tensor) -> Tensor:
    """A scan in pure torch: chunks of 32 side by side, then from chunk to chunk."""
    return _with_states(_TwoLevel.apply, *arguments)


def _with_states(scan: Callable[[Tensor, Tensor], Tensor], *arguments: Tensor) -> Tensor:
    u, dt, A, B, C, D, z, dt_bias = arguments
    delta = F.softplus(dt + dt_bias)
    decay = torch.exp(delta.unsqueeze(-1) * A)
    states = scan(decay, (delta * u).unsqueeze(-1) * B.unsqueeze(2))
    y = (states @ C.unsqueeze(-1)).squeeze(-1) + D * u
    return y * F.silu(z)


def _two_level(decay: Tensor, added: Tensor, chunk: int = 32) -> Tensor:
    """h_t = decay_t h_{t-1} + added_t over axis 1, whose length is a multiple of the chunk."""
    batch, length, *rest = decay.shape
    a, h = (x.reshape(batch, length // chunk, chunk, *rest).clone() for x in (decay, added))
    for t in range(1, chunk):
        h[:, :, t].addcmul_(a[:, :, t], h[:, :, t - 1])
        a[:, :, t].mul_(a[:, :, t - 1])
    for c in range(1, h.shape[1]):
        h[:, c].addcmul_(a[:, c], h[:, c - 1, -1:].clone())
    return h.view(batch, length, *rest)


class _TwoLevel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, decay: Tensor, added: Tensor) -> Tensor:
        states = _two_level(decay, added)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        decay, states = ctx.saved_tensors
        following = F.pad(decay[:, 1:], (0, 0, 0, 0, 0, 1))
        g = _two_level(following.flip(1), gradient.flip(1)).flip(1)
        before = F.pad(states[:, :-1], (0, 0, 0, 0, 1, 0))
        return g * before, g


def attention(x: Tensor, heads: int = 4) -> Tensor:
    """Causal scaled-dot-product attention of torch, queries, keys and values all x."""
    batch, length, width = x.shape
    split = x.view(batch, length, heads, width // heads).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(split, split, split, is_causal=True)
    return mixed.transpose(1, 2).reshape(x.shape)


def hugging_face_mixer(hidden: int) -> nn.Module | None:
    """`JambaMambaMixer` on its path without kernels."""
    try:
        jamba = importlib.import_module("transformers.models.jamba.modeling_jamba")
        config = importlib.import_module("transformers").JambaConfig
    except ImportError:
        return None
    made = config(
        hidden_size=hidden,
        mamba_d_state=16,
        mamba_d_conv=4,
        mamba_expand=2,
        num_attention_heads=4,
        num_key_value_heads=4,
    )
    return jamba.JambaMambaMixer(made, layer_idx=0)
