// SPDX-License-Identifier: MIT
// bfloat16: the upper half of a float.
#pragma once

#include <lowbit/numeric/minifloat.hpp>

namespace lowbit::inline v0 {

/// The upper half of an IEEE 754 binary32: 1.8.7, the range of float, subnormals included.
using bfloat16 = minifloat<8, 7, 127, float_kind::ieee>;

template <>
inline constexpr std::string_view detail::minifloat_name<8, 7, 127, float_kind::ieee> = "bfloat16";

} // namespace lowbit::inline v0
