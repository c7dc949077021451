// SPDX-License-Identifier: MIT
// Row kernels through xsimd at the translation unit's own flags: SSE2, NEON, or whatever -march says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/isa/target_region.hpp>
#include <lowbit/isa/xsimd.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>
#include <lowbit/kernel/rows/scalar.hpp>

LOWBIT_REGION_BEGIN(baseline)
LOWBIT_REGION_BEGIN(baseline)
namespace lowbit::inline v0::kernel::baseline {

#if LOWBIT_HAS_XSIMD

/// Vectors of the flags compiled with, which Arch names.
template <class Arch = xsimd::default_arch, class Here = isa::here>
struct row_ops {
    using floats = xsimd::batch<float, Arch>;
    using ints = xsimd::batch<std::int32_t, Arch>;
    static constexpr std::size_t lanes = floats::size;
    static_assert(lanes <= 16, "lowbit: vectors of more than 512 bits are not supported; compile for a shorter length");

    LOWBIT_ALWAYS_INLINE static floats load(const float* p) { return floats::load_unaligned(p); }
    LOWBIT_ALWAYS_INLINE static floats load(const float* p, std::size_t n) {
        alignas(64) float all[lanes]{};
        std::memcpy(all, p, n * sizeof *p);
        return floats::load_aligned(all);
    }
    LOWBIT_ALWAYS_INLINE static void store(float* p, floats v) { v.store_unaligned(p); }
    LOWBIT_ALWAYS_INLINE static void store(float* p, floats v, std::size_t n) {
        alignas(64) float all[lanes];
        v.store_aligned(all);
        std::memcpy(p, all, n * sizeof *p);
    }
    /// Codes of 8 or 16 bits: an integer type, or a type that is one.
    template <class T>
    LOWBIT_ALWAYS_INLINE static ints load_codes(const T* p, std::size_t n = lanes) {
        code_of<T> some[lanes]{};
        std::memcpy(some, p, n * sizeof *p);
        alignas(64) std::int32_t all[lanes];
        for (std::size_t i = 0; i < lanes; ++i) all[i] = some[i];
        return ints::load_aligned(all);
    }
    template <class T>
    LOWBIT_ALWAYS_INLINE static void store_codes(T* p, ints v, std::size_t n = lanes) {
        alignas(64) std::int32_t all[lanes];
        v.store_aligned(all);
        code_of<T> some[lanes];
        for (std::size_t i = 0; i < lanes; ++i) some[i] = static_cast<code_of<T>>(all[i]);
        std::memcpy(static_cast<void*>(p), some, n * sizeof *p);
    }

    LOWBIT_ALWAYS_INLINE static floats splat(float x) { return floats(x); }
    LOWBIT_ALWAYS_INLINE static ints splat(std::int32_t x) { return ints(x); }
    LOWBIT_ALWAYS_INLINE static ints bits(floats v) { return xsimd::bitwise_cast<std::int32_t>(v); }
    LOWBIT_ALWAYS_INLINE static floats from_bits(ints v) { return xsimd::bitwise_cast<float>(v); }
    /// The first n lanes of a, then b's.
    LOWBIT_ALWAYS_INLINE static ints first(std::size_t n, ints a, ints b) {
        alignas(64) std::int32_t all[lanes];
        alignas(64) std::int32_t rest[lanes];
        a.store_aligned(all);
        b.store_aligned(rest);
        std::memcpy(rest, all, n * sizeof *all);
        return ints::load_aligned(rest);
    }

    LOWBIT_ALWAYS_INLINE static floats add(floats a, floats b) { return a + b; }
    LOWBIT_ALWAYS_INLINE static floats sub(floats a, floats b) { return a - b; }
    LOWBIT_ALWAYS_INLINE static floats mul(floats a, floats b) { return a * b; }
    LOWBIT_ALWAYS_INLINE static floats div(floats a, floats b) { return isa::divide(a, b); }
    LOWBIT_ALWAYS_INLINE static floats clamp(floats v, floats lo, floats hi) {
        v = xsimd::select(v > lo, v, lo); // not max: NaN gives lo on every architecture
        return xsimd::select(v < hi, v, hi);
    }
    LOWBIT_ALWAYS_INLINE static void fence(floats& v) { LOWBIT_NO_CONTRACT(v.data); }

    LOWBIT_ALWAYS_INLINE static ints add(ints a, ints b) { return a + b; }
    LOWBIT_ALWAYS_INLINE static ints sub(ints a, ints b) { return a - b; }
    LOWBIT_ALWAYS_INLINE static ints bit_and(ints a, ints b) { return a & b; }
    LOWBIT_ALWAYS_INLINE static ints bit_or(ints a, ints b) { return a | b; }
    LOWBIT_ALWAYS_INLINE static ints bit_xor(ints a, ints b) { return a ^ b; }
    LOWBIT_ALWAYS_INLINE static ints max(ints a, ints b) { return xsimd::max(a, b); }
    LOWBIT_ALWAYS_INLINE static ints min(ints a, ints b) { return xsimd::min(a, b); }
    template <int By>
    LOWBIT_ALWAYS_INLINE static ints shl(ints v) {
        return v << By;
    }
    template <int By>
    LOWBIT_ALWAYS_INLINE static ints shr(ints v) {
        return v >> By;
    }
    LOWBIT_ALWAYS_INLINE static ints if_greater(ints a, ints b, ints yes, ints no) { return xsimd::select(a > b, yes, no); }
    LOWBIT_ALWAYS_INLINE static ints to_int(floats v) { return xsimd::nearbyint_as_int(v); }
    LOWBIT_ALWAYS_INLINE static floats to_float(ints v) { return xsimd::to_float(v); }

    LOWBIT_ALWAYS_INLINE static std::int32_t sum(ints v) { return xsimd::reduce_add(v); }
    LOWBIT_ALWAYS_INLINE static std::int32_t max_of(ints v) { return xsimd::reduce_max(v); }
    LOWBIT_ALWAYS_INLINE static std::int32_t min_of(ints v) { return xsimd::reduce_min(v); }

private:
    /// The integer that a T is stored as.
    template <class T>
    using code_of = typename std::conditional_t<std::is_integral_v<T>, std::type_identity<T>, std::make_unsigned<short>>::type;
};

#include <lowbit/kernel/body/rows.inl>

#else

using scalar::row_body;
using scalar::row_ops;

#endif

} // namespace lowbit::inline v0::kernel::baseline
LOWBIT_REGION_END(baseline)
LOWBIT_REGION_END(baseline)
