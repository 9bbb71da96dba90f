// One bar through a whole Mamba mixer: in_proj, convolution, x_proj, inner norms, dt_proj, scan
// step, gate, out_proj. A few batch rows share each weight that is loaded.
#pragma once
#include <cmath>

#include "functions.h"

namespace {

constexpr int kRows = 4;

// y[r][o] = sum_i x[r][i] weight[i][o] for one strip of vectors; `rows` <= kRows.
template <int rows, int strip>
inline void multiply_strip(const float* x, int64_t x_stride, int64_t inputs, const float* weight,
                           int64_t outputs, float* y, int64_t y_stride) {
    Vec sum[rows][strip] = {};
    for (int64_t i = 0; i < inputs; ++i) {
        const float* line = weight + i * outputs;
        for (int s = 0; s < strip; ++s) {
            Vec w = load(line + s * LANES);
            for (int r = 0; r < rows; ++r) sum[r][s] += x[r * x_stride + i] * w;
        }
    }
    for (int r = 0; r < rows; ++r)
        for (int s = 0; s < strip; ++s) store(y + r * y_stride + s * LANES, sum[r][s]);
}

template <int rows>
inline void multiply_rows(const float* x, int64_t x_stride, int64_t inputs, const float* weight,
                          int64_t outputs, float* y, int64_t y_stride) {
    constexpr int strip = rows == 1 ? 8 : 4;
    int64_t o = 0;
    for (; o + strip * LANES <= outputs; o += strip * LANES)
        multiply_strip<rows, strip>(x, x_stride, inputs, weight + o, outputs, y + o, y_stride);
    for (; o + LANES <= outputs; o += LANES)
        multiply_strip<rows, 1>(x, x_stride, inputs, weight + o, outputs, y + o, y_stride);
    for (; o < outputs; ++o)
        for (int r = 0; r < rows; ++r) {
            float sum = 0;
            for (int64_t i = 0; i < inputs; ++i)
                sum += x[r * x_stride + i] * weight[i * outputs + o];
            y[r * y_stride + o] = sum;
        }
}

inline void multiply(int64_t rows, const float* x, int64_t x_stride, int64_t inputs,
                     const float* weight, int64_t outputs, float* y, int64_t y_stride) {
    if (rows == kRows)
        return multiply_rows<kRows>(x, x_stride, inputs, weight, outputs, y, y_stride);
    for (int64_t r = 0; r < rows; ++r)
        multiply_rows<1>(x + r * x_stride, 0, inputs, weight, outputs, y + r * y_stride, 0);
}

inline void normalise(float* x, const float* weight, int64_t count, float epsilon) {
    float sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += x[i] * x[i];
    float factor = 1.f / std::sqrt(sum / static_cast<float>(count) + epsilon);
    for (int64_t i = 0; i < count; ++i) x[i] = x[i] * factor * weight[i];
}

// u becomes silu(conv(u)); the tail forgets its oldest bar and takes this one.
inline void convolve_step(const StepCall& call, float* u, float* tail) {
    int64_t D = call.channels, width = call.width;
    for (int64_t c = 0; c < D; c += LANES) {
        int64_t lanes = D - c < LANES ? D - c : LANES;
        Vec x = load(u, c, lanes, false), sum = load(call.conv_bias, c, lanes, false);
        for (int64_t j = 0; j + 1 < width; ++j) {
            Vec past = load(tail, j * D + c, lanes, false);
            sum += load(call.conv_weight, j * D + c, lanes, false) * past;
            if (j > 0) store(tail, (j - 1) * D + c, lanes, false, past);
        }
        sum += load(call.conv_weight, (width - 1) * D + c, lanes, false) * x;
        if (width > 1) store(tail, (width - 2) * D + c, lanes, false, x);
        store(u, c, lanes, false, sum * sigmoid(sum));
    }
}

// The scan's equations for one bar; y replaces u.
inline void scan_step(const StepCall& call, float* u, const float* z, const float* dt,
                      const float* B, const float* C, float* h) {
    int64_t D = call.channels;
    for (int64_t c = 0; c < D; c += LANES) {
        int64_t lanes = D - c < LANES ? D - c : LANES;
        Vec x = load(u, c, lanes, false), gate = load(z, c, lanes, false);
        Vec delta = softplus(load(dt, c, lanes, false) + load(call.dt_bias, c, lanes, false));
        Vec v = delta * x, y = load(call.D, c, lanes, false) * x, log2_delta = delta * kLog2e;
        for (int64_t n = 0; n < call.state; ++n) {
            Vec a = exp2(log2_delta * load(call.A, n * D + c, lanes, false));
            Vec state = a * load(h, n * D + c, lanes, false) + v * B[n];
            store(h, n * D + c, lanes, false, state);
            y += state * C[n];
        }
        store(u, c, lanes, false, y * gate * sigmoid(gate));
    }
}

// Rows [first, first + rows) of the batch, in groups of kRows.
inline void step(const StepCall& call, int64_t first, int64_t rows) {
    FlushDenormals flush;
    int64_t D = call.channels, N = call.state, weights = call.rank + 2 * N;
    int64_t line = round_up(3 * D + weights, LANES);
    Scratch scratch(kRows * line / LANES);
    float* work = scratch.take_floats(kRows * line);
    float *xz = work, *projected = work + 2 * D, *dt = projected + weights;
    for (int64_t at = first; at < first + rows; at += kRows) {
        int64_t count = first + rows - at < kRows ? first + rows - at : kRows;
        multiply(count, call.x + at * call.hidden, call.hidden, call.hidden, call.in_proj, 2 * D,
                 xz, line);
        for (int64_t r = 0; r < count; ++r)
            convolve_step(call, xz + r * line, call.conv_tail + (at + r) * (call.width - 1) * D);
        multiply(count, xz, line, D, call.x_proj, weights, projected, line);
        for (int64_t r = 0; r < count; ++r) {
            float* row = projected + r * line;
            normalise(row, call.dt_norm, call.rank, call.epsilon);
            normalise(row + call.rank, call.b_norm, N, call.epsilon);
            normalise(row + call.rank + N, call.c_norm, N, call.epsilon);
        }
        multiply(count, projected, line, call.rank, call.dt_proj, D, dt, line);
        for (int64_t r = 0; r < count; ++r) {
            float* row = projected + r * line + call.rank;
            scan_step(call, xz + r * line, xz + r * line + D, dt + r * line, row, row + N,
                      call.h + (at + r) * N * D);
        }
        multiply(count, xz, line, D, call.out_proj, call.hidden, call.y + at * call.hidden,
                 call.hidden);
    }
}

}  // namespace
