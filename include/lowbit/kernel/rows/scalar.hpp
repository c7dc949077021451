// SPDX-License-Identifier: MIT
// Row kernels in plain C++, an element at a time, also at compile time: the reference of every other level.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lowbit/core/bits.hpp>
#include <lowbit/core/config.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/kernel/product.hpp>
#include <lowbit/kernel/rows/row_kernels.hpp>

namespace lowbit::inline v0::kernel::scalar {

/// "Vectors" of one lane.
template <class Here = isa::here>
struct row_ops {
    using floats = float;
    using ints = std::int32_t;
    static constexpr std::size_t lanes = 1;

    LOWBIT_ALWAYS_INLINE static constexpr floats load(const float* p) { return *p; }
    LOWBIT_ALWAYS_INLINE static constexpr void store(float* p, floats v) { *p = v; }
    LOWBIT_ALWAYS_INLINE static constexpr ints load_codes(const std::uint8_t* p) { return *p; }
    template <class T>
    LOWBIT_ALWAYS_INLINE static constexpr ints load_codes(const T* p) {
        return p->code();
    }
    template <class T>
    LOWBIT_ALWAYS_INLINE static constexpr void store_codes(T* p, ints v) {
        if constexpr (std::is_integral_v<T>) {
            *p = static_cast<T>(v);
        } else {
            *p = T::from_bits(static_cast<typename T::code_type>(v));
        }
    }

    LOWBIT_ALWAYS_INLINE static constexpr floats splat(float x) { return x; }
    LOWBIT_ALWAYS_INLINE static constexpr ints splat(std::int32_t x) { return x; }
    LOWBIT_ALWAYS_INLINE static constexpr ints bits(floats v) { return bits_of(v); }
    LOWBIT_ALWAYS_INLINE static constexpr floats from_bits(ints v) { return float_of(v); }
    LOWBIT_ALWAYS_INLINE static constexpr ints first(std::size_t n, ints a, ints b) { return n > 0 ? a : b; }

    LOWBIT_ALWAYS_INLINE static constexpr floats add(floats a, floats b) { return a + b; }
    LOWBIT_ALWAYS_INLINE static constexpr floats sub(floats a, floats b) { return a - b; }
    LOWBIT_ALWAYS_INLINE static constexpr floats mul(floats a, floats b) { return a * b; }
    LOWBIT_ALWAYS_INLINE static constexpr floats div(floats a, floats b) { return a / b; }
    LOWBIT_ALWAYS_INLINE static constexpr floats clamp(floats v, floats lo, floats hi) {
        v = v > lo ? v : lo; // NaN gives lo
        return v < hi ? v : hi;
    }
    LOWBIT_ALWAYS_INLINE static constexpr void fence(floats& v) { LOWBIT_NO_CONTRACT(v); }

    LOWBIT_ALWAYS_INLINE static constexpr ints add(ints a, ints b) { return wrap(word(a) + word(b)); }
    LOWBIT_ALWAYS_INLINE static constexpr ints sub(ints a, ints b) { return wrap(word(a) - word(b)); }
    LOWBIT_ALWAYS_INLINE static constexpr ints bit_and(ints a, ints b) { return a & b; }
    LOWBIT_ALWAYS_INLINE static constexpr ints bit_or(ints a, ints b) { return a | b; }
    LOWBIT_ALWAYS_INLINE static constexpr ints bit_xor(ints a, ints b) { return a ^ b; }
    LOWBIT_ALWAYS_INLINE static constexpr ints max(ints a, ints b) { return a > b ? a : b; }
    LOWBIT_ALWAYS_INLINE static constexpr ints min(ints a, ints b) { return a < b ? a : b; }
    template <int By>
    LOWBIT_ALWAYS_INLINE static constexpr ints shl(ints v) {
        return v << By;
    }
    template <int By>
    LOWBIT_ALWAYS_INLINE static constexpr ints shr(ints v) {
        return v >> By;
    }
    LOWBIT_ALWAYS_INLINE static constexpr ints if_greater(ints a, ints b, ints yes, ints no) { return a > b ? yes : no; }
    LOWBIT_ALWAYS_INLINE static constexpr ints to_int(floats v) { // |v| < 2^22, where 1.5 * 2^23 makes the unit the last bit
        constexpr float anchor = 0x1.8p23f;
        fence(v); // a product that meets an addition
        return bits_of(v + anchor) - bits_of(anchor);
    }
    LOWBIT_ALWAYS_INLINE static constexpr floats to_float(ints v) { return static_cast<float>(v); }

    LOWBIT_ALWAYS_INLINE static constexpr std::int32_t sum(ints v) { return v; }
    LOWBIT_ALWAYS_INLINE static constexpr std::int32_t max_of(ints v) { return v; }
    LOWBIT_ALWAYS_INLINE static constexpr std::int32_t min_of(ints v) { return v; }

private: // integers wrap around, as they do in vectors
    LOWBIT_ALWAYS_INLINE static constexpr std::uint32_t word(ints v) { return static_cast<std::uint32_t>(v); }
    LOWBIT_ALWAYS_INLINE static constexpr ints wrap(std::uint32_t v) { return static_cast<ints>(v); }
};

#include <lowbit/kernel/body/rows.inl>

} // namespace lowbit::inline v0::kernel::scalar
