// The kernels of one instruction set; compiled once for each, with -DISA=name and its -m options.
#include "convolution.h"
#include "scan_backward.h"
#include "step.h"

#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)
#define TABLE_(name) kernels_##name
#define TABLE(name) TABLE_(name)

namespace {

void exponentials(const float* x, float* y, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        int64_t lanes = count - i < LANES ? count - i : LANES;
        store(y, i, lanes, false, exponential(load(x, i, lanes, false)));
    }
}

// Multiply-adds that wait for nothing: what this core can do at most. Returns a number that depends
// on all of them, so that none is left out.
float multiply_add_peak(int64_t rounds) {
    constexpr int chains = LANES == 16 ? 16 : 10;  // more than latency times throughput
    Vec sums[chains];
    for (int i = 0; i < chains; ++i) sums[i] = splat(static_cast<float>(i));
    Vec factor = splat(0.999f), term = splat(0.001f);
    for (int64_t k = 0; k < rounds; ++k)
        for (int i = 0; i < chains; ++i) sums[i] = sums[i] * factor + term;
    Vec sum{};
    for (int i = 0; i < chains; ++i) sum += sums[i];
    return sum[0];
}

}  // namespace

extern const Kernels TABLE(ISA) = {
    TEXT(ISA),           scan_forward,         scan_backward,       scan_reduce,
    convolution_forward, convolution_backward, convolution_reduce,  step,
    exponentials,        multiply_add_peak,
};
