// The plain C interface between Python and the kernels, and the table of one instruction set.
//
// Layout: channels-last. Element (b, t, c) of a series lies at data + b * batch_stride +
// t * step_stride + c; the channels are adjacent, the strides are arbitrary. Symbols and equations
// are those of selective_scan.py and causal_conv.py.
#pragma once
#include <cstdint>

struct Series {
    void* data;
    int64_t batch_stride, step_stride;  // in elements
};

struct ScanCall {
    int64_t batch, length, channels, state;
    int32_t half;     // 1: every series is bfloat16; 0: float32
    int32_t threads;  // how many may work; the result does not depend on it
    Series u, dt, z, B, C;
    const float *A, *D, *dt_bias, *h0;  // h0 may be null
    Series y;
    float *h_last, *checkpoints;  // checkpoints may be null
    // From here on only backward. `dh_last` may be null.
    Series dy, du, ddt, dz, dB, dC;
    const float* dh_last;
    float *dA, *dD, *ddt_bias, *dh0;
    float* partial;  // filled by the library
};

struct ConvolutionCall {
    int64_t batch, length, channels, width;
    int32_t half, threads;
    Series x, tail, y;           // tail: the width - 1 bars before the first; null data for zeros
    const float *weight, *bias;  // weight: (channel, width), the present last
    // From here on only backward.
    Series dy, dx, dtail;
    float *dweight, *dbias;
    float* partial;  // filled by the library
};

// One bar through a whole Mamba mixer, in place on its state. Matrices lie (input, output), so that
// neighbouring outputs are neighbours in memory; A too: (state, channel).
struct StepCall {
    int64_t batch, hidden, channels, state, rank, width;
    int32_t threads;
    float epsilon;  // of the inner norms
    const float *x, *in_proj, *conv_weight, *conv_bias, *x_proj;
    const float *dt_norm, *b_norm, *c_norm;
    const float *dt_proj, *dt_bias, *A, *D, *out_proj;
    float *conv_tail;  // (batch, width - 1, channel), oldest first
    float *h;          // (batch, state, channel)
    float *y;          // (batch, hidden)
};

// Bars between two checkpoints of the state.
constexpr int64_t kSteps = 16;
// Channels are shared out in multiples of the widest vector, so that the cut into units, and with it
// the order of every sum, is the same for every number of threads.
constexpr int64_t kPad = 16;
constexpr int64_t kStatePad = 8;
constexpr int64_t kMaxWidth = 16;

constexpr int64_t round_up(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

// Channels of one unit of work. Neighbouring channels share pages and sums, so units are as large as
// still leaves eight of them, by the shape alone.
constexpr int64_t unit_channels(int64_t batch, int64_t channels) {
    int64_t pads = batch * round_up(channels, kPad) / kPad / 8;
    return kPad * (pads < 2 ? 2 : pads > 16 ? 16 : pads);
}

constexpr int64_t units_per_row(int64_t batch, int64_t channels) {
    int64_t size = unit_channels(batch, channels);
    return (channels + size - 1) / size;
}

// Partial sums of one scan unit: dB and dC of each bar, then dA, dD and ddt_bias of each channel.
inline int64_t scan_partial(const ScanCall& call) {
    int64_t state = round_up(call.state, kStatePad);
    return 2 * call.length * state + unit_channels(call.batch, call.channels) * (state + 2);
}

inline int64_t convolution_partial(const ConvolutionCall& call) {
    return unit_channels(call.batch, call.channels) * (call.width + 1);
}

// The entry points of one instruction set; a unit is (batch row, group of channels). Forward nothing is
// summed over channels, so that the size of a group is free.
struct Kernels {
    const char* name;
    void (*scan_forward)(const ScanCall&, int64_t unit, int64_t size);
    void (*scan_backward)(const ScanCall&, int64_t unit);
    void (*scan_reduce)(const ScanCall&, int64_t unit);  // batch + units_per_row of them
    void (*convolution_forward)(const ConvolutionCall&, int64_t unit, int64_t size);
    void (*convolution_backward)(const ConvolutionCall&, int64_t unit);
    void (*convolution_reduce)(const ConvolutionCall&, int64_t group);
    void (*step)(const StepCall&, int64_t first_row, int64_t rows);
    void (*exponential)(const float* x, float* y, int64_t count);
    float (*peak)(int64_t rounds);
};
