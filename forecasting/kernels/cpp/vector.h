// One vector of float lanes, as wide as the instruction set that this file is compiled for.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "abi.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

// Everything is internal to its translation unit: the linker must never mix instruction sets.
namespace {

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t Int __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));

inline Vec splat(float value) { return value - Vec{}; }

inline Vec load(const float* from) {
    Vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

inline void store(float* to, Vec value) { memcpy(to, &value, sizeof value); }

inline float from_half(uint16_t bits) {
    uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
}

// Round to nearest, ties to even; NaN stays NaN.
inline uint16_t to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40);
    return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

// `count` neighbouring channels, float32 or bfloat16; missing lanes are zero.
inline Vec load(const void* data, int64_t at, int64_t count, bool half) {
    if (half) {
        const uint16_t* from = static_cast<const uint16_t*>(data) + at;
        if (count >= LANES) {
            uint16_t bits[LANES];
            Bits wide;
            memcpy(bits, from, sizeof bits);
            for (int i = 0; i < LANES; ++i) wide[i] = uint32_t(bits[i]) << 16;
            return reinterpret_cast<Vec>(wide);
        }
        Vec value{};
        for (int i = 0; i < count; ++i) value[i] = from_half(from[i]);
        return value;
    }
    const float* from = static_cast<const float*>(data) + at;
    if (count >= LANES) return load(from);
    Vec value{};
    for (int i = 0; i < count; ++i) value[i] = from[i];
    return value;
}

inline void store(void* data, int64_t at, int64_t count, bool half, Vec value) {
    if (half) {
        uint16_t* to = static_cast<uint16_t*>(data) + at;
        if (count >= LANES) {
            Bits bits = reinterpret_cast<Bits>(value);
            Bits rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
            bits = value == value ? rounded : (bits >> 16 | 0x40);
            uint16_t narrow[LANES];
            for (int i = 0; i < LANES; ++i) narrow[i] = static_cast<uint16_t>(bits[i]);
            memcpy(to, narrow, sizeof narrow);
            return;
        }
        for (int i = 0; i < count; ++i) to[i] = to_half(value[i]);
        return;
    }
    float* to = static_cast<float*>(data) + at;
    if (count >= LANES) return store(to, value);
    for (int i = 0; i < count; ++i) to[i] = value[i];
}

// Lane i of the result is half of a merge tree: block by block of 2m lanes, the first m lanes come
// from `a`, the last m from `b`.
template <int m, bool high>
constexpr int merged_lane(int i) {
    int offset = i % (2 * m);
    int from_a = i + (high ? m : 0);
    int from_b = LANES + i - (high ? 0 : m);
    return offset < m ? from_a : from_b;
}

template <int m, int... i>
inline Vec merge(Vec a, Vec b, std::integer_sequence<int, i...>) {
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, b, merged_lane<m, false>(i)...) +
           __builtin_shufflevector(a, b, merged_lane<m, true>(i)...);
#else
    return __builtin_shuffle(a, b, Int{merged_lane<m, false>(i)...}) +
           __builtin_shuffle(a, b, Int{merged_lane<m, true>(i)...});
#endif
}

// Lane i becomes the sum over the lanes of rows[i], always in the same order. Overwrites `rows`.
template <int m = LANES / 2>
inline Vec sum_lanes(Vec* rows) {
    for (int i = 0; i < m; ++i)
        rows[i] = merge<m>(rows[i], rows[i + m], std::make_integer_sequence<int, LANES>{});
    if constexpr (m > 1) return sum_lanes<m / 2>(rows);
    return rows[0];
}

// Numbers too small for a normal float count as zero while this lives: a state that fades out
// would otherwise slow each step down a hundredfold.
class FlushDenormals {
   public:
#if defined(__SSE2__)
    FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before_); }
    unsigned before_;
#elif defined(__aarch64__)
    FlushDenormals() {
        __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
        __asm__ volatile("msr fpcr, %0" : : "r"(before_ | (uint64_t{1} << 24)));
    }
    ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }
    uint64_t before_;
#endif
    FlushDenormals(const FlushDenormals&) = delete;
};

// Aligned scratch memory of one unit of work, handed out piece by piece.
class Scratch {
   public:
    explicit Scratch(int64_t vectors)
        : data_(static_cast<Vec*>(aligned_alloc(64, round_up(vectors * sizeof(Vec), 64)))),
          next_(data_) {
        if (!data_) abort();
    }
    ~Scratch() { free(data_); }
    Scratch(const Scratch&) = delete;
    Vec* take(int64_t vectors) {
        Vec* piece = next_;
        next_ += vectors;
        return piece;
    }
    float* take_floats(int64_t floats) {
        return reinterpret_cast<float*>(take(round_up(floats, LANES) / LANES));
    }

   private:
    Vec *data_, *next_;
};

// The batch row and the channels of one unit.
struct Span {
    int64_t row, group, first, count, blocks;
    Span(int64_t channels, int64_t unit, int64_t size) {
        int64_t per_row = (channels + size - 1) / size;
        row = unit / per_row;
        group = unit % per_row;
        first = group * size;
        count = channels - first < size ? channels - first : size;
        blocks = round_up(count, LANES) / LANES;
    }
    int64_t lanes(int64_t block) const {
        int64_t left = count - block * LANES;
        return left < LANES ? left : LANES;
    }
};

// The channels of one unit where the cut is by the shape alone.
template <typename Call>
inline Span unit_span(const Call& call, int64_t unit) {
    return Span(call.channels, unit, unit_channels(call.batch, call.channels));
}

inline int64_t offset(const Series& series, int64_t row, int64_t step) {
    return row * series.batch_stride + step * series.step_stride;
}

}  // namespace
