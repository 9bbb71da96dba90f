# mypy: ignore-errors
"""Mamba's selective scan in Triton, both directions: equations (1) and (2) of `selective_scan`.

One program owns one batch row and `BLOCK_D` channels, and walks through time. The state is a tile
(state, channel) that stays in registers, lanes along the channels; while one warp holds a tile, a
sum over the state needs no other thread. Series are contiguous, (batch, length, channel) or
(batch, length, state). What has a cell for each channel and state comes in whole tiles,
(..., block of channels, BLOCK_N, BLOCK_D), padded with zeros, and the padding stays zero. A bar
after the last has delta = 0, which leaves every state as it is.

Forward writes the state after every chunk of bars. Backward walks the chunks from the last to the
first, replays one into `scratch`, and turns back through it. Sums over programs leave as one
partial sum each and the caller adds them in a fixed order: no atomics, so results repeat bit for
bit.

Importing this file needs Triton; only `triton_scan` imports it, when a scan is first asked for.
Type checkers stay out: inside a kernel Python's types are not what runs.
"""

import triton
import triton.language as tl

_LOG2E = tl.constexpr(1.4426950408889634)
_LN2 = tl.constexpr(0.6931471805599453)

# One binary for each (type of the series, BLOCK_N), whatever the sizes and the addresses. Alignment
# is hidden on purpose: knowing it, Triton would give a thread four channels and split their state.
_SIZES = ["length", "channels", "n_states", "chunk"]
_INPUTS = ["u", "dt", "A", "B", "C", "D", "z", "dt_bias", "states"]
_FORWARD = [*_INPUTS, "y"]
_OUTPUTS = ["du", "ddt", "dA", "dB", "dC", "dD", "dz", "dbias"]
_BACKWARD = [*_INPUTS, "dy", "dstate", "scratch", *_OUTPUTS]


@triton.jit
def _softplus(x):
    """log(1 + exp(x)) with a small relative error even where it is small: steps begin at 1e-3.

    log1p(e) = 2 artanh(s) for s = e / (2 + e) <= 1/3, by its series; the first term left out is
    below 2e-9 of the sum. A GPU's fast logarithm has an absolute error, large beside such a step.
    """
    e = tl.exp(-tl.abs(x))
    s = e / (2 + e)
    q = s * s
    series = 1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q / 15)))))
    return tl.maximum(x, 0.0) + 2 * s * (1 + q * series)


@triton.jit(do_not_specialize=_SIZES, do_not_specialize_on_alignment=_FORWARD)
def forward_kernel(
    u, dt, A, B, C, D, z, dt_bias, states, y, length, channels, n_states, chunk,
    BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """Fill `y`, and `states` (batch, block, 1 + chunks, tile) after its first slot.

    Slot 0 holds the state before the first bar on entry, slot k the one after chunk k on return.
    The loads of `UNROLL` bars are issued together, so that they wait for memory once; `chunk` is a
    multiple of it, or the length.
    """
    row, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel, state = block * BLOCK_D + tl.arange(0, BLOCK_D), tl.arange(0, BLOCK_N)
    own, real = channel < channels, state < n_states
    SLOT: tl.constexpr = BLOCK_N * BLOCK_D
    tile = state[:, None] * BLOCK_D + tl.arange(0, BLOCK_D)[None, :]

    slot = states + (row * tl.num_programs(1) + block) * (tl.cdiv(length, chunk) + 1) * SLOT
    h = tl.load(slot + tile)
    rate = tl.load(A + block * SLOT + tile) * _LOG2E
    bias = tl.load(dt_bias + channel, own, 0.0)
    skip = tl.load(D + channel, own, 0.0)
    # Carried from bar to bar: computed from t, the compiler would load B and C once for each lane.
    series = row * length * channels + channel
    weights = row * length * n_states + state
    for first in range(0, length, chunk):
        last = min(first + chunk, length)
        for t in range(first, last, UNROLL):
            bars = ()
            for k in tl.static_range(UNROLL):
                here, there = own & (t + k < last), real & (t + k < last)
                at, at_n = series + k * channels, weights + k * n_states
                bars += ((
                    tl.load(u + at, here, 0.0), tl.load(dt + at, here, 0.0),
                    tl.load(z + at, here, 0.0),
                    tl.load(B + at_n, there, 0.0), tl.load(C + at_n, there, 0.0),
                ),)  # fmt: skip
            for k in tl.static_range(UNROLL):
                x, raw, gate = bars[k][0].to(tl.float32), bars[k][1], bars[k][2].to(tl.float32)
                b, c = bars[k][3].to(tl.float32), bars[k][4].to(tl.float32)
                delta = tl.where(t + k < last, _softplus(raw.to(tl.float32) + bias), 0.0)
                h = tl.exp2(delta[None, :] * rate) * h + (delta * x)[None, :] * b[:, None]
                out = (tl.sum(c[:, None] * h, axis=0) + skip * x) * gate * tl.sigmoid(gate)
                here = own & (t + k < last)
                tl.store(y + series + k * channels, out.to(y.dtype.element_ty), here)
            series += UNROLL * channels
            weights += UNROLL * n_states
        slot += SLOT
        tl.store(slot + tile, h)


@triton.jit(do_not_specialize=_SIZES, do_not_specialize_on_alignment=_BACKWARD)
def backward_kernel(
    u, dt, A, B, C, D, z, dt_bias, states, dy, dstate, scratch,
    du, ddt, dA, dB, dC, dD, dz, dbias, length, channels, n_states, chunk,
    BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Reverse the recurrence: g_t = C_t dy_t + a_{t+1} g_{t+1} is dL/dh_t, a_t = exp(delta_t A).

    With dy_t the gradient before the gate and q_t = g_t a_t h_{t-1}:
    dC_t = sum_d dy_t h_t, dB_t = sum_d g_t delta_t u_t, du_t = D dy_t + delta_t sum_n g_t B_t,
    ddelta_t = u_t sum_n g_t B_t + sum_n q_t A, dA = sum_t q_t delta_t, dh_0 = a_1 g_1.

    `dstate` (batch, block, tile) holds dL/dh_last on entry and dL/dh_0 on return; `scratch` is
    (batch, block, chunk, tile). Partial sums: `dA` (batch, block, tile), `dD` and `dbias`
    (batch, channel), `dB` and `dC` (block, batch, length, state).
    """
    row, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    program = row * tl.num_programs(1) + block
    channel, state = block * BLOCK_D + tl.arange(0, BLOCK_D), tl.arange(0, BLOCK_N)
    own, real = channel < channels, state < n_states
    SLOT: tl.constexpr = BLOCK_N * BLOCK_D
    tile = state[:, None] * BLOCK_D + tl.arange(0, BLOCK_D)[None, :]

    rate = tl.load(A + block * SLOT + tile) * _LOG2E
    bias = tl.load(dt_bias + channel, own, 0.0)
    skip = tl.load(D + channel, own, 0.0)
    carry = tl.load(dstate + program * SLOT + tile)  # a_{t+1} g_{t+1}
    rate_sum = tl.zeros((BLOCK_N, BLOCK_D), tl.float32)
    skip_sum = tl.zeros((BLOCK_D,), tl.float32)
    bias_sum = tl.zeros((BLOCK_D,), tl.float32)
    n_chunks = tl.cdiv(length, chunk)
    slot = states + (program * (n_chunks + 1) + n_chunks) * SLOT
    kept = scratch + program * chunk * SLOT
    partial = block.to(tl.int64) * tl.num_programs(0) * length * n_states

    for done in range(n_chunks):
        first = (n_chunks - 1 - done) * chunk
        last = min(first + chunk, length)
        slot -= SLOT
        h = tl.load(slot + tile)
        for t in range(first, last):
            tl.store(kept + (t - first) * SLOT + tile, h)
            at = (row * length + t) * channels + channel
            x = tl.load(u + at, own, 0.0).to(tl.float32)
            b = tl.load(B + (row * length + t) * n_states + state, real, 0.0).to(tl.float32)
            delta = _softplus(tl.load(dt + at, own, 0.0).to(tl.float32) + bias)
            h = tl.exp2(delta[None, :] * rate) * h + (delta * x)[None, :] * b[:, None]
        tl.debug_barrier()  # what one thread kept, another may read
        for back in range(last - first):
            t = last - 1 - back
            at, at_n = (
                (row * length + t) * channels + channel,
                (row * length + t) * n_states + state,
            )
            x = tl.load(u + at, own, 0.0).to(tl.float32)
            raw = tl.load(dt + at, own, 0.0).to(tl.float32) + bias
            gate = tl.load(z + at, own, 0.0).to(tl.float32)
            dout = tl.load(dy + at, own, 0.0).to(tl.float32)
            b = tl.load(B + at_n, real, 0.0).to(tl.float32)
            c = tl.load(C + at_n, real, 0.0).to(tl.float32)
            before = tl.load(kept + (t - first) * SLOT + tile)

            delta = _softplus(raw)
            decay = tl.exp2(delta[None, :] * rate)
            h = decay * before + (delta * x)[None, :] * b[:, None]
            out = tl.sum(c[:, None] * h, axis=0) + skip * x
            opening = tl.sigmoid(gate)
            dgate = dout * out * opening * (1 + gate * (1 - opening))
            dout = dout * gate * opening
            g = c[:, None] * dout[None, :] + carry
            carry = g * decay
            q = carry * before
            into = tl.sum(g * b[:, None], axis=0)
            draw = (x * into + _LN2 * tl.sum(q * rate, axis=0)) * tl.sigmoid(raw)
            rate_sum += q * delta[None, :]
            skip_sum += dout * x
            bias_sum += draw

            tl.store(dC + partial + at_n, tl.sum(h * dout[None, :], axis=1), real)
            tl.store(dB + partial + at_n, tl.sum(g * (delta * x)[None, :], axis=1), real)
            tl.store(du + at, (skip * dout + delta * into).to(du.dtype.element_ty), own)
            tl.store(ddt + at, draw.to(ddt.dtype.element_ty), own)
            tl.store(dz + at, dgate.to(dz.dtype.element_ty), own)
        tl.debug_barrier()  # nor may a thread overwrite what another has yet to read

    tl.store(dstate + program * SLOT + tile, carry)
    tl.store(dA + program * SLOT + tile, rate_sum)
    tl.store(dD + row * channels + channel, skip_sum, own)
    tl.store(dbias + row * channels + channel, bias_sum, own)
