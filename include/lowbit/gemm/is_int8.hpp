// SPDX-License-Identifier: MIT
// is_int8: the two spellings of an 8-bit integer that products take, std::int8_t and the element type int8.
#pragma once

#include <concepts>
#include <cstdint>

#include <lowbit/numeric/int_n.hpp>

namespace lowbit::inline v0::detail {

template <class T>
inline constexpr bool is_int8 = std::same_as<T, std::int8_t> || std::same_as<T, int8>;

} // namespace lowbit::inline v0::detail
