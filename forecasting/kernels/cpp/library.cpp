// The C entry points: choose the instruction set, share the units of work among threads.
#include <atomic>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <initializer_list>

#include "abi.h"
#include "pool.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

#if defined(__x86_64__)
extern const Kernels kernels_sse2, kernels_avx2, kernels_avx512;
#else
extern const Kernels kernels_neon;
#endif

namespace {

// Widest first. Asked once: this CPU does not change.
int usable(const Kernels** to) {
    int count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        to[count++] = &kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        to[count++] = &kernels_avx2;
    to[count++] = &kernels_sse2;
#else
    to[count++] = &kernels_neon;
#endif
    return count;
}

std::atomic<const Kernels*> chosen{nullptr};

const Kernels& kernels() {
    const Kernels* table = chosen.load();
    if (!table) {
        const Kernels* tables[3];
        usable(tables);
        chosen.store(table = tables[0]);
    }
    return *table;
}

// Below this many state updates a second thread costs more than it brings.
constexpr int64_t kWorthThreads = 1 << 17;

int worth(int64_t updates, int32_t threads) { return updates < kWorthThreads ? 1 : threads; }

// Ask the system for large pages under memory that is about to be written from end to end: the first
// touch of each small page of a long series would otherwise cost as much as the scan of it.
void prefer_large_pages(const void* data, int64_t bytes) {
#ifdef MADV_HUGEPAGE
    constexpr uintptr_t page = 1 << 21;
    uintptr_t first = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
    uintptr_t last = (reinterpret_cast<uintptr_t>(data) + bytes) / page * page;
    if (data && last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
    (void)data, (void)bytes;
#endif
}

template <typename Call>
void prefer_large_pages(const Call& call, const Series& made) {
    prefer_large_pages(made.data, call.batch * call.length * call.channels * (call.half ? 2 : 4));
}

// Forward: one unit for each thread where there are few, for neighbouring channels share pages.
template <typename Call, typename Kernel>
void share_forward(const Call& call, int threads, Kernel kernel) {
    if (call.batch == 0 || call.channels == 0) return;
    int64_t groups = (threads + call.batch - 1) / call.batch;
    int64_t size = round_up((call.channels + groups - 1) / groups, kPad);
    int64_t largest = 16 * kPad;
    if (size > largest) size = largest;
    int64_t units = call.batch * ((call.channels + size - 1) / size);
    share(units, threads, [&](int64_t unit) { kernel(call, unit, size); });
}

constexpr int kOk = 0, kNoMemory = 1;

}  // namespace

// Changes with every change of the calls' layout; Python refuses a library of another number.
EXPORT int64_t forecasting_abi() { return 1; }

EXPORT const char* forecasting_isa() { return kernels().name; }

// Use a named instruction set; 0 if this CPU has it. For tests and measurements.
EXPORT int forecasting_use_isa(const char* name) {
    const Kernels* tables[3];
    int count = usable(tables);
    for (int i = 0; i < count; ++i)
        if (!strcmp(tables[i]->name, name)) {
            chosen.store(tables[i]);
            return 0;
        }
    return 1;
}

EXPORT int forecasting_scan_forward(const ScanCall* call) {
    int64_t updates = call->batch * call->length * call->channels * call->state;
    prefer_large_pages(*call, call->y);
    prefer_large_pages(call->checkpoints, updates / kSteps * 4);
    share_forward(*call, worth(updates, call->threads), kernels().scan_forward);
    return kOk;
}

EXPORT int forecasting_scan_backward(ScanCall* call) {
    int64_t groups = units_per_row(call->batch, call->channels), units = call->batch * groups;
    int64_t updates = call->batch * call->length * call->channels * call->state;
    int threads = worth(updates, call->threads);
    call->partial = static_cast<float*>(malloc(units * scan_partial(*call) * sizeof(float) + 1));
    if (!call->partial) return kNoMemory;
    const Kernels& table = kernels();
    for (const Series* made : {&call->du, &call->ddt, &call->dz}) prefer_large_pages(*call, *made);
    share(units, threads, [&](int64_t unit) { table.scan_backward(*call, unit); });
    share(call->batch + groups, threads, [&](int64_t unit) { table.scan_reduce(*call, unit); });
    free(call->partial);
    return kOk;
}

EXPORT int forecasting_convolution_forward(const ConvolutionCall* call) {
    int64_t updates = call->batch * call->length * call->channels * 8;
    prefer_large_pages(*call, call->y);
    share_forward(*call, worth(updates, call->threads), kernels().convolution_forward);
    return kOk;
}

EXPORT int forecasting_convolution_backward(ConvolutionCall* call) {
    int64_t groups = units_per_row(call->batch, call->channels), units = call->batch * groups;
    int64_t updates = call->batch * call->length * call->channels * 8;
    call->partial = static_cast<float*>(malloc(units * convolution_partial(*call) * sizeof(float) + 1));
    if (!call->partial) return kNoMemory;
    const Kernels& table = kernels();
    prefer_large_pages(*call, call->dx);
    int threads = worth(updates, call->threads);
    share(units, threads, [&](int64_t unit) { table.convolution_backward(*call, unit); });
    share(groups, 1, [&](int64_t group) { table.convolution_reduce(*call, group); });
    free(call->partial);
    return kOk;
}

EXPORT int forecasting_step(const StepCall* call) {
    constexpr int64_t rows = 16;
    int64_t units = (call->batch + rows - 1) / rows;
    int64_t updates = call->batch * call->channels * (call->hidden + call->state);
    auto kernel = kernels().step;
    share(units, worth(updates, call->threads), [&](int64_t unit) {
        int64_t first = unit * rows, left = call->batch - first;
        kernel(*call, first, left < rows ? left : rows);
    });
    return kOk;
}

EXPORT void forecasting_exponential(const float* x, float* y, int64_t count) {
    kernels().exponential(x, y, count);
}

// Floating-point operations of one round, for the measurement of this core's peak.
EXPORT float forecasting_peak(int64_t rounds) { return kernels().peak(rounds); }
