// SPDX-License-Identifier: MIT
// int_n: integers of 1 to 8 bits, signed (two's complement) or unsigned.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <lowbit/core/config.hpp>
#include <lowbit/numeric/rounding.hpp>

namespace lowbit::inline v0 {

namespace detail {

template <int Bits, bool Signed>
inline constexpr auto int_n_name = [] {
    constexpr std::string_view stem = Signed ? "int" : "uint";
    std::array<char, stem.size() + 1> text{};
    std::copy(stem.begin(), stem.end(), text.begin());
    text.back() = static_cast<char>('0' + Bits);
    return text;
}();

} // namespace detail

/// An integer of `Bits` bits, 1..8: as a value it fills one byte, as an element its code is the low `Bits` bits of the
/// two's complement. A signed one-bit integer is -1 or 0. Everything saturates; NaN becomes 0.
template <int Bits, bool Signed>
class int_n {
    static_assert(Bits >= 1 && Bits <= 8, "lowbit: int_n holds 1 to 8 bits");
    using storage = std::conditional_t<Signed, std::int8_t, std::uint8_t>;

public:
    using code_type = std::uint8_t;
    static constexpr int bits = Bits;
    static constexpr bool is_signed = Signed;
    static constexpr int min_code = Signed ? -(1 << (Bits - 1)) : 0;
    static constexpr int max_code = (1 << (Bits - (Signed ? 1 : 0))) - 1;
    static constexpr std::string_view name{detail::int_n_name<Bits, Signed>.data(), detail::int_n_name<Bits, Signed>.size()};

    int_n() = default; // trivial: uninitialised as int is, zero when value-initialised
    explicit LOWBIT_ALWAYS_INLINE constexpr int_n(int value) noexcept
        : value_(static_cast<storage>(std::clamp(value, min_code, max_code))) {}
    /// Any other number, taken as a float: exact as far as codes reach.
    template <std::convertible_to<float> T>
    explicit LOWBIT_ALWAYS_INLINE constexpr int_n(T value) noexcept : int_n(round_to_int(static_cast<float>(value))) {}

    LOWBIT_ALWAYS_INLINE constexpr operator int() const noexcept { return value_; }

    /// The raw stored bits, unused high bits zero.
    [[nodiscard]] constexpr code_type code() const noexcept { return static_cast<code_type>(value_ & mask); }
    [[nodiscard]] static constexpr int_n from_bits(code_type code) noexcept { return int_n{extend(code)}; }

    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x) noexcept {
        return static_cast<code_type>(std::clamp(round_to_int(x), min_code, max_code) & mask);
    }
    /// The code of x rounded by R, which may be any rounding_mode.
    template <rounding_mode R>
    static LOWBIT_ALWAYS_INLINE constexpr code_type encode(float x, std::uint64_t counter) noexcept {
        return encode(R::round(x, counter));
    }
    static LOWBIT_HOST_DEVICE constexpr float decode(code_type code) noexcept { return static_cast<float>(extend(code)); }
    static constexpr float lowest() noexcept { return static_cast<float>(min_code); }
    static constexpr float max() noexcept { return static_cast<float>(max_code); }

private:
    static constexpr int mask = (1 << Bits) - 1;

    static LOWBIT_HOST_DEVICE constexpr int extend(code_type code) noexcept {
        constexpr int sign = Signed ? 1 << (Bits - 1) : 0; // flipping and subtracting the sign bit extends it
        return ((code & mask) ^ sign) - sign;
    }

    storage value_;
};

using int1 = int_n<1, true>;
using int2 = int_n<2, true>;
using int3 = int_n<3, true>;
using int4 = int_n<4, true>;
using int5 = int_n<5, true>;
using int6 = int_n<6, true>;
using int7 = int_n<7, true>;
using int8 = int_n<8, true>;
using uint1 = int_n<1, false>;
using uint2 = int_n<2, false>;
using uint3 = int_n<3, false>;
using uint4 = int_n<4, false>;
using uint5 = int_n<5, false>;
using uint6 = int_n<6, false>;
using uint7 = int_n<7, false>;
using uint8 = int_n<8, false>;

} // namespace lowbit::inline v0
