// exp, log and sigmoid of a vector, without branches and without -ffast-math: NaN and infinity keep
// their meaning.
#pragma once
#include "vector.h"

namespace {

// 2^f by a minimax polynomial for f in [-1/2, 1/2], relative error 9.2e-8. It is exact around f = 0, so
// that a slow decay carries no bias through a long series.
inline Vec power_of_two_polynomial(Vec f) {
    Vec p = f * 1.3264727e-3f + 9.6715130e-3f;
    p = p * f + 5.5507336e-2f;
    p = p * f + 2.4022242e-1f;
    p = p * f + 6.9314700e-1f;
    return p * f + 1.f;
}

// The nearest whole number.
inline Vec whole(Vec t) {
#if LANES == 16
    return _mm512_roundscale_ps(t, 0x08);
#else
    const float magic = 12582912.f;  // 1.5 * 2^23 pushes the fraction out of the mantissa
    return (t + magic) - magic;
#endif
}

// p 2^k for whole k; 0 and infinity beyond the range of normal numbers.
inline Vec scale(Vec p, Vec k) {
#if LANES == 16
    return _mm512_scalef_ps(p, k);
#else
    Bits exponent = reinterpret_cast<Bits>(__builtin_convertvector(k, Int)) << 23;
    Bits bits = reinterpret_cast<Bits>(p) + exponent;
    Vec scaled = k < -126.f ? Vec{} : reinterpret_cast<Vec>(bits);
    scaled = k > 127.f ? splat(__builtin_inff()) : scaled;
    return p == p ? scaled : p;
#endif
}

constexpr float kLog2e = 1.44269504f;
constexpr float kLn2 = 0.69314718f;

// The larger one; NaN in x stays NaN.
inline Vec at_least(float low, Vec x) {
#if LANES == 16
    return _mm512_max_ps(splat(low), x);
#else
    return x < low ? splat(low) : x;
#endif
}

// 2^t. Below -126 the answer is 0, also at minus infinity; NaN stays NaN.
inline Vec exp2(Vec t) {
#if LANES == 16
    Vec f = _mm512_reduce_ps(t, 0x08);  // t - whole(t), and 0 at infinity
    return _mm512_scalef_ps(power_of_two_polynomial(f), whole(t));
#else
    t = at_least(-130.f, t);
    t = t > 130.f ? splat(130.f) : t;
    Vec k = whole(t);
    return scale(power_of_two_polynomial(t - k), k);
#endif
}

// e^x for x that is not positive, relative error below 3e-7: ln 2 in two parts keeps the fraction
// exact (Cody & Waite, 1980).
inline Vec exponential_of_negative(Vec x) {
    x = at_least(-104.f, x);
    Vec k = whole(x * kLog2e);
    Vec f = ((x - k * 0.693359375f) + k * 2.12194440e-4f) * kLog2e;
    return scale(power_of_two_polynomial(f), k);
}

inline Vec exponential(Vec x) { return exponential_of_negative(x > 104.f ? splat(104.f) : x); }

inline Vec magnitude(Vec x) {
    return reinterpret_cast<Vec>(reinterpret_cast<Bits>(x) & 0x7fffffffu);
}

// 1 / x for x in [1, 2^126].
inline Vec reciprocal(Vec x) {
#if LANES == 16
    Vec guess = _mm512_rcp14_ps(x);
    return guess * (2.f - x * guess);  // one step of Newton's: from 14 bits to 24
#else
    return 1.f / x;
#endif
}

inline Vec sigmoid(Vec x) {
    Vec t = x * -kLog2e;
    return reciprocal(1.f + exp2(t > 126.f ? splat(126.f) : t));
}

// log(1 + e) = 2 artanh(s) with s = e / (2 + e), relative error 1e-7 for every e in [0, 1]. `slope`
// receives the derivative, sigmoid(x).
inline Vec softplus(Vec x, Vec* slope = nullptr) {
    Vec e = exponential_of_negative(-magnitude(x));
    if (slope) *slope = (x < 0.f ? e : splat(1.f)) * reciprocal(1.f + e);
    Vec s = e * reciprocal(2.f + e);
    Vec q = s * s;
    Vec p = q * 2.8178331e-1f + 2.7960604e-1f;
    p = p * q + 4.0024909e-1f;
    p = p * q + 6.6666317e-1f;
    p = p * q + 2.f;
    return (x > 0.f ? x : Vec{}) + s * p;
}

}  // namespace
