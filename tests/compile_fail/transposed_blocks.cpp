// SPDX-License-Identifier: MIT
// Refused: planar_transposed stores per_channel or per_group scales.
// expect: lowbit policy: planar_transposed stores per_channel or per_group scales
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_block<2, 32>, lowbit::planar_transposed>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
