// SPDX-License-Identifier: MIT
// Refused: planar_transposed packs zero points of 1, 2, 4 or 8 bits into words.
// expect: lowbit policy: planar_transposed packs zero points of 1, 2, 4 or 8 bits into words
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::zero_point_as<lowbit::uint6>, lowbit::planar_transposed>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
