// SPDX-License-Identifier: MIT
// e8m0: a power of two in one byte, the block scale of OCP MX.
#pragma once

#include <cstdint>
#include <string_view>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/rounding.hpp>

namespace lowbit::inline v0 {

/// A power of two in a byte: code c is 2^(c - Bias), 2^-Bias to 2^(254 - Bias); 0xFF is NaN. There is no zero and no sign:
/// encoding zero, a negative number or anything below the range gives its lowest power, above it (infinity included) its largest,
/// NaN gives NaN.
template <int Bias>
class basic_e8m0 {
    static_assert(Bias >= 127 && Bias <= 149, "lowbit: every power of two of a basic_e8m0 must be a float: 127 <= Bias <= 149");
    static constexpr int shift = Bias - detail::f32_bias; ///< from float's exponent field to the code
    static constexpr std::uint32_t hidden = 0x0080'0000u; ///< the bits of float's smallest normal number

    /// The bits of the power of two that a code from 0 to 254 stands for.
    static LOWBIT_HOST_DEVICE constexpr std::uint32_t power(std::uint32_t code) noexcept {
        const int field = static_cast<int>(code) - shift;
        return field < 1 ? hidden >> (1 - field) : static_cast<std::uint32_t>(field) << detail::f32_mantissa_bits;
    }

    /// The code at or below x, one more if `up(floor code, distance above it, half the gap)` says so. Stands ahead of its users,
    /// or clang 14 does not find it in constant expressions.
    template <class Up>
    static LOWBIT_HOST_DEVICE constexpr std::uint8_t encode_with(float x, Up up) noexcept {
        const auto value = __builtin_bit_cast(std::uint32_t, x);
        if ((value & ~detail::f32_sign) > detail::f32_infinity) return 0xff;
        if (value <= power(0) || value >= detail::f32_sign) return 0;
        if (value >= power(0xfe)) return 0xfe;
        std::uint32_t floor = (value >> detail::f32_mantissa_bits) + static_cast<std::uint32_t>(shift);
        if (value < hidden) floor = static_cast<std::uint32_t>(32 - __builtin_clz(value) - detail::f32_mantissa_bits + shift);
        const std::uint32_t start = power(floor);
        const std::uint32_t half = value < hidden ? start / 2 : hidden / 2;
        return static_cast<std::uint8_t>(floor + (up(floor, value - start, half) ? 1u : 0u));
    }

public:
    using code_type = std::uint8_t;
    static constexpr int bits = 8;
    static constexpr int bias = Bias;
    static constexpr std::string_view name = "e8m0";

    basic_e8m0() = default; // trivial: uninitialised as float is; value-initialised it is the lowest power
    explicit LOWBIT_ALWAYS_INLINE constexpr basic_e8m0(float value) noexcept : code_(encode(value)) {}

    LOWBIT_ALWAYS_INLINE constexpr operator float() const noexcept { return decode(code_); }

    [[nodiscard]] constexpr code_type code() const noexcept { return code_; }
    [[nodiscard]] static constexpr basic_e8m0 from_bits(code_type code) noexcept {
        basic_e8m0 value{};
        value.code_ = code;
        return value;
    }

    /// The nearest power of two by distance (1.4 gives 1, 1.6 gives 2); halfway, at 1.5 times a power, to the even code.
    static LOWBIT_HOST_DEVICE constexpr code_type encode(float x) noexcept {
        return encode_with(x, [](std::uint32_t floor, std::uint32_t rest, std::uint32_t half) {
            return rest > half || (rest == half && (floor & 1) != 0);
        });
    }
    /// The largest power of two that is not above x.
    static LOWBIT_HOST_DEVICE constexpr code_type encode_floor(float x) noexcept {
        return encode_with(x, [](std::uint32_t, std::uint32_t, std::uint32_t) { return false; });
    }
    /// The smallest power of two that is not below x.
    static LOWBIT_HOST_DEVICE constexpr code_type encode_ceil(float x) noexcept {
        return encode_with(x, [](std::uint32_t, std::uint32_t rest, std::uint32_t) { return rest > 0; });
    }

    static LOWBIT_HOST_DEVICE constexpr float decode(code_type code) noexcept {
        return __builtin_bit_cast(float, code == 0xff ? detail::f32_quiet_nan : power(code));
    }

    static constexpr float lowest() noexcept { return decode(0); }
    static constexpr float max() noexcept { return decode(0xfe); }

private:
    code_type code_;
};

/// OCP MX scale E8M0: code c is 2^(c - 127).
using e8m0 = basic_e8m0<127>;

namespace detail {

template <class T>
inline constexpr bool is_e8m0 = false;
template <int Bias>
inline constexpr bool is_e8m0<basic_e8m0<Bias>> = true;

} // namespace detail

} // namespace lowbit::inline v0
