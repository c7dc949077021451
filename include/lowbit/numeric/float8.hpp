// SPDX-License-Identifier: MIT
// float8: the 8-bit floats of OCP OFP8 and their fnuz relatives.
#pragma once

#include <lowbit/numeric/minifloat.hpp>

namespace lowbit::inline v0 {

/// OCP OFP8 E4M3: largest 448, smallest 2^-9, no infinity, NaN is 0x7F and 0xFF.
using float8_e4m3 = minifloat<4, 3, 7, float_kind::fn>;
/// OCP OFP8 E5M2: IEEE in small; largest 57344, smallest 2^-16.
using float8_e5m2 = minifloat<5, 2, 15, float_kind::ieee>;
/// E4M3 with bias 8: largest 240, smallest 2^-10, NaN is 0x80, no negative zero (AMD CDNA3).
using float8_e4m3fnuz = minifloat<4, 3, 8, float_kind::fnuz>;
/// E5M2 with bias 16: largest 57344, smallest 2^-17, NaN is 0x80, no negative zero (AMD CDNA3).
using float8_e5m2fnuz = minifloat<5, 2, 16, float_kind::fnuz>;

template <>
inline constexpr std::string_view detail::minifloat_name<4, 3, 7, float_kind::fn> = "float8_e4m3";
template <>
inline constexpr std::string_view detail::minifloat_name<5, 2, 15, float_kind::ieee> = "float8_e5m2";
template <>
inline constexpr std::string_view detail::minifloat_name<4, 3, 8, float_kind::fnuz> = "float8_e4m3fnuz";
template <>
inline constexpr std::string_view detail::minifloat_name<5, 2, 16, float_kind::fnuz> = "float8_e5m2fnuz";

} // namespace lowbit::inline v0
