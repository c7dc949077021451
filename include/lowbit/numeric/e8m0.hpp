// SPDX-License-Identifier: MIT
// e8m0: a power of two in one byte, the block scale of OCP MX.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/rounding.hpp>

namespace lowbit::inline v0 {

/// OCP MX scale E8M0: code c is 2^(c - 127), 2^-127 to 2^127; 0xFF is NaN. There is no zero and no sign: encoding zero, a
/// negative number or anything below 2^-127 gives 2^-127, above 2^127 (infinity included) 2^127, NaN gives NaN.
class e8m0 {
    static constexpr std::uint32_t subnormal = 0x0040'0000u;

    /// The code at or below x, one more if `up(floor code, distance above it, half the gap)` says so. Stands ahead of its users,
    /// or clang 14 does not find it in constant expressions.
    template <class Up>
    static LOWBIT_ALWAYS_INLINE constexpr std::uint8_t encode_with(float x, Up up) noexcept {
        const auto value = std::bit_cast<std::uint32_t>(x);
        if ((value & ~detail::f32_sign) > detail::f32_infinity) return 0xff;
        if (value <= subnormal || value >= detail::f32_sign) return 0;
        if (value >= 0x7f00'0000u) return 0xfe;
        const std::uint32_t floor = value >> detail::f32_mantissa_bits; // the code is float's own exponent field
        const std::uint32_t start = floor == 0 ? subnormal : floor << detail::f32_mantissa_bits;
        const std::uint32_t half = floor == 0 ? subnormal / 2 : subnormal;
        return static_cast<std::uint8_t>(floor + (up(floor, value - start, half) ? 1u : 0u));
    }

public:
    using code_type = std::uint8_t;
    static constexpr int bits = 8;
    static constexpr std::string_view name = "e8m0";

    e8m0() = default; // trivial: uninitialised as float is; value-initialised it is 2^-127
    explicit LOWBIT_ALWAYS_INLINE constexpr e8m0(float value) noexcept : code_(encode(value)) {}

    LOWBIT_ALWAYS_INLINE constexpr operator float() const noexcept { return decode(code_); }

    [[nodiscard]] constexpr code_type code() const noexcept { return code_; }
    [[nodiscard]] static constexpr e8m0 from_bits(code_type code) noexcept {
        e8m0 value{};
        value.code_ = code;
        return value;
    }

    /// The nearest power of two by distance (1.4 gives 1, 1.6 gives 2); halfway, at 1.5 times a power, to the even code.
    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x) noexcept {
        return encode_with(x, [](std::uint32_t floor, std::uint32_t rest, std::uint32_t half) {
            return rest > half || (rest == half && (floor & 1) != 0);
        });
    }
    /// The largest power of two that is not above x.
    static LOWBIT_ALWAYS_INLINE constexpr code_type encode_floor(float x) noexcept {
        return encode_with(x, [](std::uint32_t, std::uint32_t, std::uint32_t) { return false; });
    }
    /// The smallest power of two that is not below x.
    static LOWBIT_ALWAYS_INLINE constexpr code_type encode_ceil(float x) noexcept {
        return encode_with(x, [](std::uint32_t, std::uint32_t rest, std::uint32_t) { return rest > 0; });
    }

    static LOWBIT_ALWAYS_INLINE constexpr float decode(code_type code) noexcept {
        const std::uint32_t value = code == 0      ? subnormal // 2^-127 is below float's normal numbers
                                    : code == 0xff ? detail::f32_quiet_nan
                                                   : static_cast<std::uint32_t>(code) << detail::f32_mantissa_bits;
        return std::bit_cast<float>(value);
    }

    static constexpr float lowest() noexcept { return 0x1p-127f; }
    static constexpr float max() noexcept { return 0x1p127f; }

private:
    code_type code_;
};

} // namespace lowbit::inline v0
