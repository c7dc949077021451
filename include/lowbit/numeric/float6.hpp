// SPDX-License-Identifier: MIT
// float6: the 6-bit floats of OCP MX.
#pragma once

#include <lowbit/numeric/minifloat.hpp>

namespace lowbit::inline v0 {

/// OCP MX FP6 E2M3: largest 7.5, smallest 1/8, every code a number.
using float6_e2m3 = minifloat<2, 3, 1, float_kind::finite>;
/// OCP MX FP6 E3M2: largest 28, smallest 1/16, every code a number.
using float6_e3m2 = minifloat<3, 2, 3, float_kind::finite>;

template <>
inline constexpr std::string_view detail::minifloat_name<2, 3, 1, float_kind::finite> = "float6_e2m3";
template <>
inline constexpr std::string_view detail::minifloat_name<3, 2, 3, float_kind::finite> = "float6_e3m2";

} // namespace lowbit::inline v0
