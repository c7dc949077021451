// SPDX-License-Identifier: MIT
// Refused: field::packed_6bit holds the scales and minimums of 8 groups.
// expect: lowbit policy: field::packed_6bit holds the scales and minimums of 8 groups
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::uint4, lowbit::per_group<32>, lowbit::scale_as<lowbit::uint6>, lowbit::super_scale<lowbit::float16, 4>, lowbit::quantized_minimum<lowbit::uint6>, lowbit::super_minimum<lowbit::float16, 4>, lowbit::interleaved<4, lowbit::field::super_scale, lowbit::field::super_minimum, lowbit::field::packed_6bit, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
