// The selective scan for one unit: one batch row, one group of channels.
//
// Lanes are channels. Time runs in chunks of kSteps, the states of a channel in tiles that fit the
// registers.
#pragma once
#include "functions.h"

namespace {

constexpr int kTile = LANES == 16 ? 8 : 4;

// Rows of B or C for one chunk in float32, the states padded with zeros.
inline void load_weights(const Series& from, int64_t row, int64_t start, int64_t steps,
                         int64_t state, int64_t padded, bool half, float* to) {
    for (int64_t t = 0; t < steps; ++t, to += padded) {
        int64_t at = offset(from, row, start + t);
        for (int64_t n = 0; n < padded; n += LANES) {
            int64_t wanted = state - n, room = padded - n < LANES ? padded - n : LANES;
            Vec lanes = wanted > 0 ? load(from.data, at + n, wanted, half) : Vec{};
            memcpy(to + n, &lanes, room * sizeof(float));
        }
    }
}

// (channel, state) to [block][state] vectors and back.
inline void load_matrix(const float* from, const Span& span, int64_t state, int64_t padded,
                        float factor, Vec* to) {
    float* lanes = reinterpret_cast<float*>(to);
    memset(lanes, 0, span.blocks * padded * sizeof(Vec));
    for (int64_t c = 0; c < span.count; ++c)
        for (int64_t n = 0; n < state; ++n)
            lanes[((c / LANES) * padded + n) * LANES + c % LANES] =
                factor * from[(span.first + c) * state + n];
}

inline void store_matrix(const Vec* from, const Span& span, int64_t state, int64_t padded,
                         float* to) {
    const float* lanes = reinterpret_cast<const float*>(from);
    for (int64_t c = 0; c < span.count; ++c)
        for (int64_t n = 0; n < state; ++n)
            to[(span.first + c) * state + n] =
                lanes[((c / LANES) * padded + n) * LANES + c % LANES];
}

inline Vec* checkpoint(const ScanCall& call, const Span& span, int64_t chunk, int64_t block) {
    int64_t chunks = round_up(call.length, kSteps) / kSteps;
    int64_t padded = round_up(call.state, kStatePad);
    int64_t row = round_up(call.channels, kPad) * padded;
    float* at = call.checkpoints + (span.row * chunks + chunk) * row;
    return reinterpret_cast<Vec*>(at + (span.first + block * LANES) * padded);
}

// Ask for a line of the next chunk: the rows of a series lie too far apart for the machine to foresee
// them. Into the second cache: a power-of-two stride would crowd the first. A wrong address costs
// nothing.
inline void foresee(const Series& series, int64_t row, int64_t step, int64_t first, bool half) {
    int64_t at = (offset(series, row, step) + first) * (half ? 2 : 4);
    __builtin_prefetch(static_cast<const char*>(series.data) + at, 0, 2);
}

struct Inputs {
    Vec u[kSteps], delta[kSteps], v[kSteps], slope[kSteps];  // v = delta u; slope of softplus
};

// Rows of one block of channels, and those of the next chunk on their way; rows past `steps` are 0.
inline void load_rows(const Series& series, const Span& span, int64_t block, int64_t start,
                      int64_t steps, int64_t ahead, bool half, Vec* to) {
    int64_t first = span.first + block * LANES, lanes = span.lanes(block);
    for (int64_t t = 0; t < steps; ++t) {
        foresee(series, span.row, start + t + ahead, first, half);
        to[t] = load(series.data, offset(series, span.row, start + t) + first, lanes, half);
    }
    for (int64_t t = steps; t < kSteps; ++t) to[t] = Vec{};
}

inline void load_inputs(const ScanCall& call, const Span& span, int64_t block, int64_t start,
                        int64_t steps, bool slopes, Inputs* to) {
    int64_t ahead = slopes ? -kSteps : kSteps;
    Vec bias = load(call.dt_bias, span.first + block * LANES, span.lanes(block), false);
    load_rows(call.u, span, block, start, steps, ahead, call.half, to->u);
    load_rows(call.dt, span, block, start, steps, ahead, call.half, to->delta);
    // Arithmetic apart from loading, with no branch inside: the steps overlap.
    if (slopes)
        for (int64_t t = 0; t < kSteps; ++t)
            to->delta[t] = softplus(to->delta[t] + bias, &to->slope[t]);
    else
        for (int64_t t = 0; t < kSteps; ++t) to->delta[t] = softplus(to->delta[t] + bias);
    for (int64_t t = 0; t < kSteps; ++t) to->v[t] = to->delta[t] * to->u[t];
}

// h_t = 2^(delta_t A) h_{t-1} + v_t B_t and y_t += sum_n C_t h_t over one tile of states.
inline void run_tile(const Inputs& in, int64_t steps, const float* B, const float* C,
                     int64_t padded, const Vec* A, Vec* h, Vec* y) {
    Vec state[kTile], rate[kTile];
    for (int n = 0; n < kTile; ++n) state[n] = h[n], rate[n] = A[n];
    for (int64_t t = 0; t < steps; ++t) {
        Vec delta = in.delta[t], v = in.v[t], even = y[t], odd{};
        for (int n = 0; n < kTile; ++n) {
            state[n] = exp2(delta * rate[n]) * state[n] + v * B[t * padded + n];
            (n % 2 ? odd : even) += state[n] * C[t * padded + n];
        }
        y[t] = even + odd;
    }
    for (int n = 0; n < kTile; ++n) h[n] = state[n];
}

inline void scan_forward(const ScanCall& call, int64_t unit, int64_t size) {
    FlushDenormals flush;
    Span span(call.channels, unit, size);
    int64_t padded = round_up(call.state, kStatePad);
    Scratch scratch(2 * span.blocks * padded + 2 * kSteps * padded);
    Vec* A = scratch.take(span.blocks * padded);
    Vec* h = scratch.take(span.blocks * padded);
    float* B = scratch.take_floats(kSteps * padded);
    float* C = scratch.take_floats(kSteps * padded);
    load_matrix(call.A, span, call.state, padded, kLog2e, A);
    if (call.h0) {
        const float* h0 = call.h0 + span.row * call.channels * call.state;
        load_matrix(h0, span, call.state, padded, 1.f, h);
    } else {
        memset(reinterpret_cast<float*>(h), 0, span.blocks * padded * sizeof(Vec));
    }
    Inputs in;
    Vec y[kSteps], z[kSteps];
    for (int64_t start = 0; start < call.length; start += kSteps) {
        int64_t steps = call.length - start < kSteps ? call.length - start : kSteps;
        load_weights(call.B, span.row, start, steps, call.state, padded, call.half, B);
        load_weights(call.C, span.row, start, steps, call.state, padded, call.half, C);
        for (int64_t block = 0; block < span.blocks; ++block) {
            int64_t first = span.first + block * LANES, lanes = span.lanes(block);
            Vec* state = h + block * padded;
            if (call.checkpoints)
                memcpy(reinterpret_cast<float*>(checkpoint(call, span, start / kSteps, block)),
                       state, padded * sizeof(Vec));
            load_inputs(call, span, block, start, steps, false, &in);
            Vec skip = load(call.D, first, lanes, false);
            for (int64_t t = 0; t < kSteps; ++t) y[t] = skip * in.u[t];
            for (int64_t n = 0; n < padded; n += kTile)
                run_tile(in, steps, B + n, C + n, padded, A + block * padded + n, state + n, y);
            load_rows(call.z, span, block, start, steps, kSteps, call.half, z);
            for (int64_t t = 0; t < kSteps; ++t) y[t] *= z[t] * sigmoid(z[t]);
            for (int64_t t = 0; t < steps; ++t) {
                foresee(call.y, span.row, start + t + kSteps, first, call.half);
                int64_t at = offset(call.y, span.row, start + t) + first;
                store(call.y.data, at, lanes, call.half, y[t]);
            }
        }
    }
    store_matrix(h, span, call.state, padded,
                 call.h_last + span.row * call.channels * call.state);
}

}  // namespace
