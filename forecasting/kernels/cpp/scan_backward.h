// The gradients of the selective scan for one unit, and the sums over units.
//
// The states of a chunk are recomputed from its checkpoint. With g_t = dL/dh_t and q_t = g_t a_t
// h_{t-1}: dv_t = sum_n g_t B_t, ddelta_t = u_t dv_t + sum_n q_t A, dA = sum_t q_t delta_t,
// dB_t = sum_d g_t v_t, dC_t = sum_d dy_t h_t.
#pragma once
#include <initializer_list>

#include "scan.h"

namespace {

// What backward keeps of one block of channels while the tiles of a chunk pass by.
struct Block {
    Inputs in;
    Vec dy[kSteps];     // of the sum before the gate
    Vec y[kSteps];      // that sum, recomputed
    Vec dv[kSteps];     // sum_n g_t B_t
    Vec decay[kSteps];  // sum_n q_t A, in units of log2
    Vec z[kSteps], gate[kSteps], dout[kSteps];  // gate = sigmoid(z); dout: of the result
};

// One tile of one block: recompute the states, then walk back with g_t = C_t dy_t + a_{t+1} g_{t+1}.
// The first block of a group begins the sums dB and dC, the others add to them.
template <bool begins>
inline void reverse_tile(Block& block, int64_t steps, const float* B, const float* C,
                         int64_t padded, const Vec* A, const Vec* checkpoint, Vec* carry, Vec* dA,
                         Vec* dB, Vec* dC) {
    Vec a[kSteps][kTile], h[kSteps + 1][kTile];
    {
        Vec state[kTile], rate[kTile];
        for (int n = 0; n < kTile; ++n) h[0][n] = state[n] = checkpoint[n], rate[n] = A[n];
        for (int64_t t = 0; t < steps; ++t) {
            Vec delta = block.in.delta[t], v = block.in.v[t], dy = block.dy[t];
            Vec even = block.y[t], odd{};
            for (int n = 0; n < kTile; ++n) {
                a[t][n] = exp2(delta * rate[n]);
                h[t + 1][n] = state[n] = a[t][n] * state[n] + v * B[t * padded + n];
                (n % 2 ? odd : even) += state[n] * C[t * padded + n];
                Vec dc = dy * state[n];
                dC[t * kTile + n] = begins ? dc : dC[t * kTile + n] + dc;
            }
            block.y[t] = even + odd;
        }
    }
    Vec g[kTile], rate_sum[kTile];
    for (int n = 0; n < kTile; ++n) g[n] = carry[n], rate_sum[n] = dA[n];
    for (int64_t t = steps; t-- > 0;) {
        Vec delta = block.in.delta[t], v = block.in.v[t], dy = block.dy[t];
        Vec dv = block.dv[t], decay = block.decay[t];
        for (int n = 0; n < kTile; ++n) {
            Vec grad = C[t * padded + n] * dy + g[n];
            Vec db = grad * v;
            dB[t * kTile + n] = begins ? db : dB[t * kTile + n] + db;
            dv += grad * B[t * padded + n];
            g[n] = grad * a[t][n];
            Vec q = g[n] * h[t][n];
            decay += q * A[n];
            rate_sum[n] += q * delta;
        }
        block.dv[t] = dv;
        block.decay[t] = decay;
    }
    for (int n = 0; n < kTile; ++n) carry[n] = g[n], dA[n] = rate_sum[n];
}

// Sum the lanes of [step][tile] vectors into rows of `padded` floats.
inline void store_lane_sums(Vec* rows, int64_t steps, int64_t padded, float* to) {
    constexpr int64_t together = LANES / kTile;  // steps whose sums fill one vector
    for (int64_t t = 0; t < steps; t += together) {
        float sums[LANES];
        store(sums, sum_lanes(rows + t * kTile));
        for (int64_t i = 0; i < together && t + i < steps; ++i)
            memcpy(to + (t + i) * padded, sums + i * kTile, kTile * sizeof(float));
    }
}

inline void begin_block(const ScanCall& call, const Span& span, int64_t b, int64_t start,
                        int64_t steps, Block* block) {
    int64_t first = span.first + b * LANES, lanes = span.lanes(b);
    load_inputs(call, span, b, start, steps, true, &block->in);
    load_rows(call.z, span, b, start, steps, -kSteps, call.half, block->z);
    load_rows(call.dy, span, b, start, steps, -kSteps, call.half, block->dout);
    for (int64_t t = 0; t < steps; ++t)
        for (const Series* made : {&call.du, &call.ddt, &call.dz})
            foresee(*made, span.row, start + t, first, call.half);
    Vec skip = load(call.D, first, lanes, false);
    for (int64_t t = 0; t < kSteps; ++t) {
        block->gate[t] = sigmoid(block->z[t]);
        block->dy[t] = block->dout[t] * block->z[t] * block->gate[t];
        block->y[t] = skip * block->in.u[t];
        block->dv[t] = block->decay[t] = Vec{};
    }
}

inline void end_block(const ScanCall& call, const Span& span, int64_t b, int64_t start,
                      int64_t steps, const Block& block, Vec* dD, Vec* dbias) {
    int64_t first = span.first + b * LANES, lanes = span.lanes(b);
    Vec skip = load(call.D, first, lanes, false);
    for (int64_t t = 0; t < steps; ++t) {
        auto put = [&](const Series& to, Vec value) {
            store(to.data, offset(to, span.row, start + t) + first, lanes, call.half, value);
        };
        Vec z = block.z[t], gate = block.gate[t];
        Vec ddelta = block.in.u[t] * block.dv[t] + kLn2 * block.decay[t];
        Vec ddt = ddelta * block.in.slope[t];
        put(call.dz, block.dout[t] * block.y[t] * gate * (1.f + z * (1.f - gate)));
        put(call.du, skip * block.dy[t] + block.in.delta[t] * block.dv[t]);
        put(call.ddt, ddt);
        *dD += block.dy[t] * block.in.u[t];
        *dbias += ddt;
    }
}

inline void scan_backward(const ScanCall& call, int64_t unit) {
    FlushDenormals flush;
    Span span = unit_span(call, unit);
    int64_t padded = round_up(call.state, kStatePad), matrix = span.blocks * padded;
    constexpr int64_t kBlock = sizeof(Block) / sizeof(Vec), kSums = kSteps * kTile;
    Scratch scratch(3 * matrix + 2 * span.blocks + span.blocks * kBlock + 2 * kSums +
                    2 * kSteps * padded);
    Vec *A = scratch.take(matrix), *carry = scratch.take(matrix), *dA = scratch.take(matrix);
    Vec *dD = scratch.take(span.blocks), *dbias = scratch.take(span.blocks);
    Block* blocks = reinterpret_cast<Block*>(scratch.take(span.blocks * kBlock));
    Vec *dB = scratch.take(kSums), *dC = scratch.take(kSums);
    float* B = scratch.take_floats(kSteps * padded);
    float* C = scratch.take_floats(kSteps * padded);
    // The partial sums of this unit, added up by `scan_reduce`.
    float* partial = call.partial + unit * scan_partial(call);
    float *all_dB = partial, *all_dC = all_dB + call.length * padded;
    float* per_channel = all_dC + call.length * padded;

    load_matrix(call.A, span, call.state, padded, kLog2e, A);
    for (int64_t i = 0; i < matrix; ++i) carry[i] = dA[i] = Vec{};
    for (int64_t i = 0; i < span.blocks; ++i) dD[i] = dbias[i] = Vec{};
    int64_t row = span.row * call.channels * call.state;
    if (call.dh_last) load_matrix(call.dh_last + row, span, call.state, padded, 1.f, carry);

    int64_t chunks = round_up(call.length, kSteps) / kSteps;
    for (int64_t chunk = chunks; chunk-- > 0;) {
        int64_t start = chunk * kSteps;
        int64_t steps = call.length - start < kSteps ? call.length - start : kSteps;
        load_weights(call.B, span.row, start, steps, call.state, padded, call.half, B);
        load_weights(call.C, span.row, start, steps, call.state, padded, call.half, C);
        for (int64_t b = 0; b < span.blocks; ++b)
            begin_block(call, span, b, start, steps, &blocks[b]);
        for (int64_t n = 0; n < padded; n += kTile) {
            for (int64_t b = 0; b < span.blocks; ++b) {
                int64_t at = b * padded + n;
                auto reverse = b == 0 ? reverse_tile<true> : reverse_tile<false>;
                reverse(blocks[b], steps, B + n, C + n, padded, A + at,
                        checkpoint(call, span, chunk, b) + n, carry + at, dA + at, dB, dC);
            }
            store_lane_sums(dB, steps, padded, all_dB + start * padded + n);
            store_lane_sums(dC, steps, padded, all_dC + start * padded + n);
        }
        for (int64_t b = 0; b < span.blocks; ++b)
            end_block(call, span, b, start, steps, blocks[b], &dD[b], &dbias[b]);
    }
    store_matrix(carry, span, call.state, padded, call.dh0 + row);
    memcpy(per_channel, dA, matrix * sizeof(Vec));
    memcpy(per_channel + matrix * LANES, dD, span.blocks * sizeof(Vec));
    memcpy(per_channel + (matrix + span.blocks) * LANES, dbias, span.blocks * sizeof(Vec));
}

// Sum `count` floats over the groups of one batch row, first group first.
inline void store_group_sums(const float* partial, int64_t groups, int64_t stride, int64_t count,
                             const Series& to, int64_t at, bool half) {
    for (int64_t n = 0; n < count; n += LANES) {
        int64_t lanes = count - n < LANES ? count - n : LANES;
        Vec sum{};
        for (int64_t g = 0; g < groups; ++g) sum += load(partial + g * stride, n, lanes, false);
        store(to.data, at + n, lanes, half, sum);
    }
}

// Add the units up: dB and dC of one batch row, or, past the last row, what one group of channels has
// of dA, dD and ddt_bias.
inline void scan_reduce(const ScanCall& call, int64_t unit) {
    FlushDenormals flush;
    int64_t padded = round_up(call.state, kStatePad), stride = scan_partial(call);
    int64_t groups = units_per_row(call.batch, call.channels);
    if (unit < call.batch) {
        const float* dB = call.partial + unit * groups * stride;
        const float* dC = dB + call.length * padded;
        for (int64_t t = 0; t < call.length; ++t, dB += padded, dC += padded) {
            store_group_sums(dB, groups, stride, call.state, call.dB, offset(call.dB, unit, t),
                             call.half);
            store_group_sums(dC, groups, stride, call.state, call.dC, offset(call.dC, unit, t),
                             call.half);
        }
        return;
    }
    Span span = unit_span(call, unit - call.batch);
    int64_t matrix = span.blocks * padded, size = matrix + 2 * span.blocks;
    Scratch scratch(size);
    Vec* sums = scratch.take(size);
    for (int64_t i = 0; i < size; ++i) {
        sums[i] = Vec{};
        for (int64_t row = 0; row < call.batch; ++row) {
            const float* from = call.partial + (row * groups + span.group) * stride;
            sums[i] += load(from + 2 * call.length * padded + i * LANES);
        }
    }
    store_matrix(sums, span, call.state, padded, call.dA);
    memcpy(call.dD + span.first, sums + matrix, span.count * sizeof(float));
    memcpy(call.ddt_bias + span.first, sums + matrix + span.blocks, span.count * sizeof(float));
}

}  // namespace
