// SPDX-License-Identifier: MIT
// float4: the 4-bit float of OCP MX and NVFP4.
#pragma once

#include <lowbit/numeric/minifloat.hpp>

namespace lowbit::inline v0 {

/// OCP MX FP4 E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
using float4_e2m1 = minifloat<2, 1, 1, float_kind::finite>;

template <>
inline constexpr std::string_view detail::minifloat_name<2, 1, 1, float_kind::finite> = "float4_e2m1";

} // namespace lowbit::inline v0
