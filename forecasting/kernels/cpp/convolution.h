// Causal depthwise convolution and SiLU for one unit: one batch row, one group of channels.
//
//     c_t = bias + sum_j w_j x_{t-j},   y_t = c_t sigmoid(c_t);   bars before the first: the tail.
#pragma once
#include "functions.h"

namespace {

// Taps of one block of channels, the present first.
struct Taps {
    Vec weight[kMaxWidth], bias;
};

inline void load_taps(const ConvolutionCall& call, int64_t first, int64_t lanes, Taps* to) {
    for (int64_t j = 0; j < call.width; ++j) {
        to->weight[j] = Vec{};
        for (int64_t i = 0; i < lanes; ++i)
            to->weight[j][i] = call.weight[(first + i) * call.width + call.width - 1 - j];
    }
    to->bias = load(call.bias, first, lanes, false);
}

// x of bar t, which may lie in the tail.
inline Vec input(const ConvolutionCall& call, int64_t row, int64_t t, int64_t first,
                 int64_t lanes) {
    if (t >= 0) return load(call.x.data, offset(call.x, row, t) + first, lanes, call.half);
    if (!call.tail.data) return Vec{};
    int64_t at = offset(call.tail, row, t + call.width - 1) + first;
    return load(call.tail.data, at, lanes, call.half);
}

// `known` is the width where the compiler may unroll, 0 where it is read from the call.
template <int known>
void forward_block(const ConvolutionCall& call, int64_t row, int64_t first, int64_t lanes,
                   int64_t start, int64_t end) {
    const int64_t width = known ? known : call.width;
    Taps taps;
    load_taps(call, first, lanes, &taps);
    Vec past[kMaxWidth];  // past[j] = x_{t-j}
    for (int64_t j = 1; j < width; ++j) past[j] = input(call, row, start - j, first, lanes);
    for (int64_t t = start; t < end; ++t) {
        past[0] = input(call, row, t, first, lanes);
        Vec sum = taps.bias;
        for (int64_t j = width; j-- > 0;) sum += taps.weight[j] * past[j];
        store(call.y.data, offset(call.y, row, t) + first, lanes, call.half, sum * sigmoid(sum));
        for (int64_t j = width; j-- > 1;) past[j] = past[j - 1];
    }
}

// dc_t = dy_t silu'(c_t), dx_t = sum_j w_j dc_{t+j}, dw_j = sum_t dc_t x_{t-j}; last bar first.
template <int known>
void backward_block(const ConvolutionCall& call, int64_t row, int64_t first, int64_t lanes,
                    float* partial) {
    const int64_t width = known ? known : call.width;
    Taps taps, sums;
    load_taps(call, first, lanes, &taps);
    for (int64_t j = 0; j < width; ++j) sums.weight[j] = Vec{};
    sums.bias = Vec{};
    Vec past[kMaxWidth], next[kMaxWidth];  // next[j] = dc_{t+j}
    for (int64_t j = 0; j < width; ++j) {
        next[j] = Vec{};
        past[j] = j + 1 < width ? input(call, row, call.length - 1 - j, first, lanes) : Vec{};
    }
    int64_t end = call.dtail.data ? 1 - width : 0;
    for (int64_t t = call.length - 1; t >= end; --t) {
        for (int64_t j = width; j-- > 1;) next[j] = next[j - 1];
        next[0] = Vec{};
        if (t >= 0) {
            past[width - 1] = t - width + 1 >= 1 - width
                                  ? input(call, row, t - width + 1, first, lanes) : Vec{};
            Vec sum = taps.bias;
            for (int64_t j = width; j-- > 0;) sum += taps.weight[j] * past[j];
            Vec gate = sigmoid(sum);
            Vec dy = load(call.dy.data, offset(call.dy, row, t) + first, lanes, call.half);
            next[0] = dy * gate * (1.f + sum * (1.f - gate));
            for (int64_t j = 0; j < width; ++j) sums.weight[j] += next[0] * past[j];
            sums.bias += next[0];
            for (int64_t j = 0; j + 1 < width; ++j) past[j] = past[j + 1];
        }
        Vec dx{};
        for (int64_t j = 0; j < width; ++j) dx += taps.weight[j] * next[j];
        if (t >= 0)
            store(call.dx.data, offset(call.dx, row, t) + first, lanes, call.half, dx);
        else
            store(call.dtail.data, offset(call.dtail, row, t + width - 1) + first, lanes,
                  call.half, dx);
    }
    for (int64_t j = 0; j < width; ++j) store(partial + j * LANES, sums.weight[j]);
    store(partial + width * LANES, sums.bias);
}

// Bars of a long series that all channels pass before the next ones: neighbours share pages.
constexpr int64_t kSlice = 256;

inline void convolution_forward(const ConvolutionCall& call, int64_t unit, int64_t size) {
    FlushDenormals flush;
    Span span(call.channels, unit, size);
    for (int64_t start = 0; start < call.length; start += kSlice) {
        int64_t end = start + kSlice < call.length ? start + kSlice : call.length;
        for (int64_t block = 0; block < span.blocks; ++block) {
            int64_t first = span.first + block * LANES, lanes = span.lanes(block);
            switch (call.width) {
                case 2: forward_block<2>(call, span.row, first, lanes, start, end); break;
                case 3: forward_block<3>(call, span.row, first, lanes, start, end); break;
                case 4: forward_block<4>(call, span.row, first, lanes, start, end); break;
                default: forward_block<0>(call, span.row, first, lanes, start, end);
            }
        }
    }
}

inline void convolution_backward(const ConvolutionCall& call, int64_t unit) {
    FlushDenormals flush;
    Span span = unit_span(call, unit);
    float* partial = call.partial + unit * convolution_partial(call);
    for (int64_t block = 0; block < span.blocks; ++block, partial += (call.width + 1) * LANES) {
        int64_t first = span.first + block * LANES, lanes = span.lanes(block);
        switch (call.width) {
            case 2: backward_block<2>(call, span.row, first, lanes, partial); break;
            case 3: backward_block<3>(call, span.row, first, lanes, partial); break;
            case 4: backward_block<4>(call, span.row, first, lanes, partial); break;
            default: backward_block<0>(call, span.row, first, lanes, partial);
        }
    }
}

// Add up what the batch rows have of one group's dweight and dbias, first row first.
inline void convolution_reduce(const ConvolutionCall& call, int64_t group) {
    FlushDenormals flush;
    int64_t groups = units_per_row(call.batch, call.channels), stride = convolution_partial(call);
    Span span = unit_span(call, group);
    for (int64_t block = 0; block < span.blocks; ++block) {
        int64_t first = span.first + block * LANES, lanes = span.lanes(block);
        for (int64_t j = 0; j <= call.width; ++j) {
            Vec sum{};
            for (int64_t row = 0; row < call.batch; ++row) {
                const float* unit = call.partial + (row * groups + group) * stride;
                sum += load(unit + (block * (call.width + 1) + j) * LANES);
            }
            for (int64_t i = 0; i < lanes; ++i) {
                if (j == call.width) call.dbias[first + i] = sum[i];
                else call.dweight[(first + i) * call.width + call.width - 1 - j] = sum[i];
            }
        }
    }
}

}  // namespace
