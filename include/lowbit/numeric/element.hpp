// SPDX-License-Identifier: MIT
// What a number format must offer to be stored: the concepts element and integer_element.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace lowbit::inline v0 {

/// A number format of 1..16 stored bits. Any type with these static, constexpr members is one; no base class, no
/// registration:
///  - `code_type`: std::uint8_t up to 8 bits, std::uint16_t above; a code is the raw stored bits, unused high bits zero;
///  - `bits`: the stored width of a code;
///  - `encode(x)`: the code nearest to x, ties to the even code or mantissa unless the type says otherwise, saturating at
///    the finite limits; what becomes of NaN is stated by the type;
///  - `decode(c)`: the exact value of a code; reads only the low `bits` bits of c;
///  - `lowest()`, `max()`: the finite limits.
/// A `name` (std::string_view) is optional, see element_name.
template <class E>
concept element = requires(float x, typename E::code_type c) {
    { std::integral_constant<int, E::bits>{} };
    { E::encode(x) } noexcept -> std::same_as<typename E::code_type>;
    { E::decode(c) } noexcept -> std::same_as<float>;
    { E::lowest() } noexcept -> std::same_as<float>;
    { E::max() } noexcept -> std::same_as<float>;
    requires std::same_as<typename E::code_type, std::conditional_t<(E::bits <= 8), std::uint8_t, std::uint16_t>>;
    requires E::bits >= 1 && E::bits <= 16;
};

/// An element whose code *is* the value: the integer min_code..max_code in the low bits, two's complement when signed.
/// Only these take part in integer products and may carry an integer zero point.
template <class E>
concept integer_element = element<E> && requires {
    { std::bool_constant<E::is_signed>{} };
    { std::integral_constant<int, E::min_code>{} };
    { std::integral_constant<int, E::max_code>{} };
};

/// `E::name` where the type has one, else "element".
template <element E>
constexpr std::string_view element_name() noexcept {
    if constexpr (requires { std::string_view{E::name}; }) {
        return E::name;
    } else {
        return "element";
    }
}

} // namespace lowbit::inline v0
