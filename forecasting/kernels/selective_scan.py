"""Mamba's selective scan, channels-last: one contract, several back-ends.

For batch row b, channel d, state n and bar t, with delta = softplus(dt + dt_bias):

    h_t[d, n] = exp(delta_t[d] A[d, n]) h_{t-1}[d, n] + delta_t[d] u_t[d] B_t[n]          (1)
    y_t[d]    = (sum_n C_t[n] h_t[d, n] + D[d] u_t[d]) * silu(z_t[d])                     (2)

A is discretised by zero-order hold, B by Euler's rule. Source: Gu & Dao (2023), Mamba, arXiv
2312.00752, equations 2a, 4 and algorithm 2.

The recurrence is computed as it stands. Nothing is divided by a cumulative decay, so no decay is
too strong.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from forecasting.kernels.backends import choose


def selective_scan(
    u: Float[Tensor, "..."],
    dt: Float[Tensor, "..."],
    A: Float[Tensor, "..."],
    B: Float[Tensor, "..."],
    C: Float[Tensor, "..."],
    D: Float[Tensor, "..."],
    z: Float[Tensor, "..."],
    dt_bias: Float[Tensor, "..."],
    h0: Float[Tensor, "..."] | None = None,
    *,
    backend: str = "auto",
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """Run equations (1) and (2) of this module over a whole sequence.

    Differentiable once, in every argument and through both results. The state is float32, or
    float64 where `u` is.

    Args:
        u: Input, (batch, length, channel).
        dt: Step size before bias and softplus, (batch, length, channel).
        A: Continuous decay rate, negative, (channel, state).
        B: Input weights of each bar, (batch, length, state).
        C: Output weights of each bar, (batch, length, state).
        D: Skip weight, (channel,).
        z: Gate before SiLU, (batch, length, channel).
        dt_bias: Added to `dt`, (channel,).
        h0: State before the first bar, (batch, channel, state); None for zero.
        backend: `cpp`, `triton`, `mamba_ssm`, `torch`, or `auto` for the fastest that can run these
            arguments. The environment variable `FORECASTING_SCAN` replaces `auto`.

    Returns:
        `y`, (batch, length, channel), in the type of `u`; and the state after the last bar,
        (batch, channel, state).

    Raises:
        ValueError: A shape disagrees with those of `u` and `A`, the devices differ, or an axis
            other than the batch is empty.
        ConfigError: There is no such back-end, or the one asked for cannot run these arguments.
    """
    others = {"dt": dt, "B": B, "C": C, "D": D, "z": z, "dt_bias": dt_bias, "h0": h0}
    _require_shapes(u, A, others)
    _require_one_device(u, {"A": A, **others})
    given = (u, A, dt, B, C, D, z, dt_bias, h0)
    needs_grad = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in given)
    scan = choose(backend, u, A, h0, needs_grad)
    return scan(u, dt, A, B, C, D, z, dt_bias, h0)


def _require_shapes(u: Tensor, A: Tensor, others: dict[str, Tensor | None]) -> None:
    if u.ndim != 3 or 0 in u.shape[1:]:
        raise ValueError(
            f"u has shape {tuple(u.shape)}, expected (batch, length, channel), length and channel "
            "at least 1"
        )
    batch, length, channels = u.shape
    if A.ndim != 2 or len(A) != channels or A.shape[1] == 0:
        raise ValueError(
            f"A has shape {tuple(A.shape)}, expected ({channels}, state), state at least 1"
        )
    state = A.shape[1]
    expected = {
        "dt": (batch, length, channels),
        "B": (batch, length, state),
        "C": (batch, length, state),
        "D": (channels,),
        "z": (batch, length, channels),
        "dt_bias": (channels,),
        "h0": (batch, channels, state),
    }
    for name, tensor in others.items():
        if tensor is not None and tensor.shape != expected[name]:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, expected {expected[name]} for u of shape "
                f"{tuple(u.shape)} and A of shape {tuple(A.shape)}"
            )


def _require_one_device(u: Tensor, others: dict[str, Tensor | None]) -> None:
    for name, tensor in others.items():
        if tensor is not None and tensor.device != u.device:
            raise ValueError(f"{name} is on {tensor.device}, expected {u.device}, where u is")
