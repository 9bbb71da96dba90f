"""Mamba-2's scan over time: one decay for all channels of a head, so that it is matrix products.

For each batch row and head, with channels p, states n and bars t,

    h_t[p, n] = exp(l_t) h_{t-1}[p, n] + x_t[p] B_t[n]                                      (1)
    y_t[p]    = sum_n C_t[n] h_t[p, n]                                                      (2)

Unrolled from the state h_0 before a chunk, with the segment sums S_ts = l_{s+1} + ... + l_t,

    y_t = sum_{s<=t} exp(S_ts) (C_t . B_s) x_s + exp(S_t0) h_0 C_t                          (3)
    h_t = sum_{s<=t} exp(S_ts) x_s B_s + exp(S_t0) h_0                                      (4)

(3) is a masked attention without softmax, (4) at a chunk's last bar begins the next chunk. Each
segment is summed by itself: the difference of two cumulative sums would cancel where the decay is
strong, and a division by a decay would overflow. Here no decay is too strong.

Source: Dao & Gu (2024), Transformers are SSMs, arXiv 2405.21060, section 6 and listing 1.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from forecasting.kernels import selective_scan
from forecasting.kernels.backends import requested, status

# Step sizes and gaps below count as these: their logarithms and inverses are finite.
_SMALLEST_STEP, _SMALLEST_GAP = 1e-30, 1e-9
# Bars of a chunk. Work within chunks grows with it, the number of matrix products falls.
_CHUNK = 32


def head_scan(
    u: Float[Tensor, "batch length channel"],
    dt: Float[Tensor, "batch length head"],
    A: Float[Tensor, " head"],
    B: Float[Tensor, "batch length state"],
    C: Float[Tensor, "batch length state"],
    D: Float[Tensor, " head"],
    z: Float[Tensor, "batch length channel"],
    dt_bias: Float[Tensor, " head"],
    gap: Float[Tensor, "batch length"] | None = None,
    h0: Float[Tensor, "batch channel state"] | None = None,
) -> tuple[Float[Tensor, "batch length channel"], Float[Tensor, "batch channel state"]]:
    """The selective scan with one step size, rate and skip weight for all channels of a head.

    With delta = softplus(dt + dt_bias), l_t = gap_t delta_t A and x_t = delta_t u_t in (1) and (2),
    the answer is (y_t + D u_t) silu(z_t). Differentiable once, in every argument. In C++ as
    `selective_scan` where that runs, else as `state_space_dual`.

    Args:
        u: Input, the channels head after head.
        dt: Step size before bias and softplus.
        A: Rate of the decay, negative.
        B: Input weights of each bar.
        C: Output weights of each bar.
        D: Skip weight.
        z: Gate before SiLU.
        dt_bias: Added to `dt`.
        gap: Over how many steps the state decays before a bar, not negative; None for one.
        h0: State before the first bar; None for zero.

    Returns:
        The gated output, in the type of `u`; and the state after the last bar, float32, or float64
        where `u` is.
    """
    arguments = (u, dt, A, B, C, D, z, dt_bias)
    # C++ counts an exponential for each channel and state, and is faster than the products anyway.
    in_cpp = requested() in ("auto", "cpp") and status("cpp", u.device.type).reason is None
    if in_cpp and u.dtype != torch.float64:
        return _scan_channels(*arguments, gap, h0)
    return _scan_heads(*arguments, gap, h0)


def _scan_channels(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    dt_bias: Tensor,
    gap: Tensor | None,
    h0: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Mamba-1's scan over channels that share what their head has."""
    if gap is not None:
        # A step gap times as long, found back through softplus, takes in B / gap as before.
        gap = gap.clamp(min=_SMALLEST_GAP).unsqueeze(-1)
        step = (gap * F.softplus(dt + dt_bias)).clamp(min=_SMALLEST_STEP)
        dt, dt_bias = step + torch.log(-torch.expm1(-step)), torch.zeros_like(dt_bias)
        B = B / gap
    size = u.shape[2] // len(A)
    dt, A, D, dt_bias = (x.repeat_interleave(size, dim=-1) for x in (dt, A, D, dt_bias))
    return selective_scan(u, dt, A.unsqueeze(1).expand(-1, B.shape[2]), B, C, D, z, dt_bias, h0)


def _scan_heads(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    dt_bias: Tensor,
    gap: Tensor | None,
    h0: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The state space dual between what comes before and after it."""
    heads = (len(A), -1)
    delta = F.softplus(dt + dt_bias)
    log_decay = A * (delta if gap is None else delta * gap.unsqueeze(-1))
    x = torch.unflatten(u, 2, heads)
    start = None if h0 is None else torch.unflatten(h0, 1, heads)
    y, h_last = state_space_dual(x * delta.unsqueeze(-1), log_decay, B, C, start)
    y = torch.addcmul(y, x, D.unsqueeze(-1)).flatten(2) * F.silu(z.to(y.dtype))
    return y.to(u.dtype), h_last.flatten(1, 2)


def state_space_dual(
    x: Float[Tensor, "batch length head channel"],
    log_decay: Float[Tensor, "batch length head"],
    B: Float[Tensor, "batch length state"],
    C: Float[Tensor, "batch length state"],
    h0: Float[Tensor, "batch head channel state"] | None = None,
) -> tuple[Float[Tensor, "batch length head channel"], Float[Tensor, "batch head channel state"]]:
    """Run equations (1) and (2) of this module over a whole sequence of at least one bar.

    Differentiable in every argument and through both results. Computed in float32 whatever autocast
    says, in float64 where `x` is.

    Args:
        x: Input, already times its step size.
        log_decay: Log of the decay from the bar before, not positive.
        B: Input weights of each bar, shared by the heads.
        C: Output weights of each bar, shared by the heads.
        h0: State before the first bar; None for zero.

    Returns:
        `y`, in the type of `x`, and the state after the last bar.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    length = x.shape[1]
    if h0 is None:
        h0 = x.new_zeros(len(x), *x.shape[2:], B.shape[2])
    with torch.autocast(x.device.type, enabled=False):
        chunks = (_in_chunks(part.to(dtype)) for part in (x, log_decay, B, C))
        y, h_last = _run_chunks(h0.to(dtype), *chunks)
    return y.flatten(1, 2)[:, :length].to(x.dtype), h_last


def _in_chunks(
    x: Float[Tensor, "batch length *rest"],
) -> Float[Tensor, "batch chunk bar *rest"]:
    """Cut time into chunks. The last is filled up with zeros, which leave the state alone."""
    bars = min(_CHUNK, x.shape[1])
    if missing := -x.shape[1] % bars:
        x = F.pad(x, (0, 0) * (x.ndim - 2) + (0, missing))
    return torch.unflatten(x, 1, (-1, bars))


def _run_chunks(
    h0: Float[Tensor, "batch head channel state"],
    x: Float[Tensor, "batch chunk bar head channel"],
    log_decay: Float[Tensor, "batch chunk bar head"],
    B: Float[Tensor, "batch chunk bar state"],
    C: Float[Tensor, "batch chunk bar state"],
) -> tuple[
    Float[Tensor, "batch chunk bar head channel"], Float[Tensor, "batch head channel state"]
]:
    heads = x.shape[3:]
    log_decay = log_decay.transpose(2, 3)
    decay = _segment_sums(log_decay).exp()
    since_start = log_decay.cumsum(-1).exp()
    # The mask is one for all heads: below, it is `tril` that keeps the future out.
    within = (decay * (C @ B.mT).tril().unsqueeze(2)) @ x.transpose(2, 3)

    left_at_end = x * decay[..., -1, :].mT.unsqueeze(-1)
    added = torch.unflatten(left_at_end.flatten(3).mT @ B, 2, heads)
    starts, h_last = _carry_over(added, since_start[..., -1], h0)
    carried = torch.unflatten(C @ starts.flatten(2, 3).mT, 3, heads)
    return torch.addcmul(within.transpose(2, 3), carried, since_start.mT.unsqueeze(-1)), h_last


def _segment_sums(
    x: Float[Tensor, "*axes bar"],
) -> Float[Tensor, "*axes bar bar"]:
    """x_{s+1} + ... + x_t in row t and column s; 0 on the diagonal and above."""
    return x.unsqueeze(-1).expand(*x.shape, x.shape[-1]).tril(-1).cumsum(-2)


def _carry_over(
    added: Float[Tensor, "batch chunk head channel state"],
    decay: Float[Tensor, "batch chunk head"],
    h0: Float[Tensor, "batch head channel state"],
) -> tuple[
    Float[Tensor, "batch chunk head channel state"], Float[Tensor, "batch head channel state"]
]:
    """The states at which the chunks start, and the last chunk's last one."""
    states = [h0]
    for new, kept in zip(added.unbind(1), decay[..., None, None].unbind(1), strict=True):
        states.append(torch.addcmul(new, kept, states[-1]))
    return torch.stack(states[:-1], dim=1), states[-1]
