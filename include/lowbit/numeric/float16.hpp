// SPDX-License-Identifier: MIT
// float16: IEEE 754 binary16.
#pragma once

#include <lowbit/numeric/minifloat.hpp>

namespace lowbit::inline v0 {

/// IEEE 754 binary16: 1.5.10, largest 65504, smallest 2^-24.
using float16 = minifloat<5, 10, 15, float_kind::ieee>;

template <>
inline constexpr std::string_view detail::minifloat_name<5, 10, 15, float_kind::ieee> = "float16";

} // namespace lowbit::inline v0
