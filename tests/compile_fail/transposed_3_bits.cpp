// SPDX-License-Identifier: MIT
// Refused: planar_transposed packs 1, 2, 4 or 8 bits into words, in sequential order.
// expect: lowbit policy: planar_transposed packs 1, 2, 4 or 8 bits into words, in sequential order
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int3, lowbit::planar_transposed>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
