"""The selective scan in pure torch, with a hand-written backward pass: it runs everywhere.

Equations (1) and (2) of selective_scan.py. Time is cut into blocks that fit the cache: decays and
inputs of a block are computed at once, its steps run in place with one multiply-add each over
(batch, state, channel). Backward keeps only the state at each block's start and recomputes the
rest, so memory grows with the length divided by the block, not with length x state.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

# Numbers in one block of (time, batch, state, channel): 1 MiB in float32, the second-level cache.
_BLOCK_NUMBERS = 2**18
_BLOCK_BARS = (8, 256)


def available() -> str | None:
    """None: wherever torch runs, this runs."""
    return None


def supports(u: Tensor, A: Tensor, h0: Tensor | None, needs_grad: bool) -> str | None:
    """None: any floating type on any device."""
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
    h0: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The contract of `forecasting.kernels.selective_scan`, in float64 where `u` is."""
    dtype = torch.promote_types(u.dtype, torch.float32)
    x, A, B, C = (tensor.to(dtype) for tensor in (u, A, B, C))
    start = x.new_zeros(len(x), *A.shape) if h0 is None else h0.to(dtype)
    delta = F.softplus(dt.to(dtype) + dt_bias.to(dtype))
    y, h_last = _Recurrence.apply(delta * x, delta, A, B, C, start)  # type: ignore[no-untyped-call]
    y = torch.addcmul(y, x, D.to(dtype)) * F.silu(z.to(dtype))
    return y.to(u.dtype), h_last


class _Recurrence(torch.autograd.Function):
    """h_t = exp(delta_t A) h_{t-1} + v_t B_t and y_t = sum_n C_t h_t, for v = delta u.

    Inside, time comes first and the state before the channels, (length, batch, state, channel):
    a step is then one contiguous slice, and sums over the state run along whole vectors.
    """

    @staticmethod
    def forward(
        ctx: Any, v: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, h0: Tensor
    ) -> tuple[Tensor, Tensor]:
        y = torch.empty_like(v, memory_format=torch.contiguous_format)
        rate = A.t().contiguous()
        h = h0.transpose(1, 2)
        bars = _block_bars(h)
        decay, states = (v.new_empty(bars, *h.shape) for _ in range(2))
        starts = []
        for at in _blocks(v.shape[1], bars):
            starts.append(h)
            n = at.stop - at.start
            h = _run_block(h, _time_first(v, delta, B, at), rate, (decay[:n], states[:n])).clone()
            weighted = states[:n].mul_(C[:, at].transpose(0, 1).unsqueeze(3))
            torch.sum(weighted, 2, out=y[:, at].transpose(0, 1))
        ctx.save_for_backward(v, delta, rate, B, C, torch.stack(starts))
        return y, h.transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dh_last: Tensor) -> tuple[Tensor, ...]:
        """Reverse the recurrence: g_t = C_t dy_t + a_{t+1} g_{t+1} is dL/dh_t.

        With a_t = exp(delta_t A) and q_t = g_t a_t h_{t-1}:
        dv_t = sum_n g_t B_t, ddelta_t = sum_n q_t A, dA = sum_{b,t} q_t delta_t,
        dB_t = sum_d g_t v_t, dC_t = sum_d dy_t h_t, dh_0 = a_1 g_1.
        """
        v, delta, rate, B, C, starts = ctx.saved_tensors
        dv, ddelta, dB, dC = (
            torch.empty_like(x, memory_format=torch.contiguous_format) for x in (v, delta, B, C)
        )
        drate = torch.zeros_like(rate)
        carry = dh_last.transpose(1, 2)
        bars = _block_bars(starts[0])
        # One slot more for the states: slot 0 holds the state before the block.
        decay, g_all, product = (v.new_empty(bars, *carry.shape) for _ in range(3))
        states = v.new_empty(bars + 1, *carry.shape)
        for start, at in reversed(list(zip(starts, _blocks(v.shape[1], bars), strict=True))):
            n = at.stop - at.start
            a, g, scratch, h = decay[:n], g_all[:n], product[:n], states[1 : n + 1]
            states[0] = start
            inputs = _time_first(v, delta, B, at)
            _run_block(states[0], inputs, rate, (a, h))
            v_t, delta_t, B_t = inputs
            dy_t = dy[:, at].transpose(0, 1).unsqueeze(2)
            torch.mul(C[:, at].transpose(0, 1).unsqueeze(3), dy_t, out=g)
            carry = _run_back(carry, a, g)
            torch.sum(torch.mul(h, dy_t, out=scratch), 3, out=dC[:, at].transpose(0, 1))
            torch.sum(torch.mul(g, v_t, out=scratch), 3, out=dB[:, at].transpose(0, 1))
            torch.sum(torch.mul(g, B_t, out=scratch), 2, out=dv[:, at].transpose(0, 1))
            q = g.mul_(a).mul_(states[:n])
            torch.sum(torch.mul(q, rate, out=scratch), 2, out=ddelta[:, at].transpose(0, 1))
            drate += q.mul_(delta_t).sum((0, 1))
        return dv, ddelta, drate.t(), dB, dC, carry.transpose(1, 2)


def _block_bars(state: Tensor) -> int:
    fewest, most = _BLOCK_BARS
    return min(max(_BLOCK_NUMBERS // max(state.numel(), 1), fewest), most)


def _blocks(length: int, bars: int) -> list[slice]:
    return [slice(start, min(start + bars, length)) for start in range(0, length, bars)]


def _time_first(
    v: Tensor, delta: Tensor, B: Tensor, at: slice
) -> tuple[Float[Tensor, "t b 1 d"], Float[Tensor, "t b 1 d"], Float[Tensor, "t b n 1"]]:
    v, delta, B = (x[:, at].transpose(0, 1) for x in (v, delta, B))
    return v.unsqueeze(2), delta.unsqueeze(2), B.unsqueeze(3)


def _run_block(
    h: Tensor, inputs: tuple[Tensor, ...], rate: Tensor, out: tuple[Tensor, Tensor]
) -> Tensor:
    """Fill `out` with the decays and the states of a block; the last state is a view of it."""
    v, delta, B = inputs
    decay, states = out
    torch.mul(delta, rate, out=decay).exp_()
    torch.mul(v, B, out=states)
    for a, x in zip(decay.unbind(0), states.unbind(0), strict=True):
        h = x.addcmul_(a, h)
    return h


def _run_back(carry: Tensor, decay: Tensor, g: Tensor) -> Tensor:
    """Turn C_t dy_t into g_t in place, last bar first; returns what flows into the bar before."""
    a, steps = decay.unbind(0), g.unbind(0)
    steps[-1].add_(carry)
    for t in range(len(steps) - 2, -1, -1):
        steps[t].addcmul_(a[t + 1], steps[t + 1])
    return a[0] * steps[0]
