// SPDX-License-Identifier: MIT
// Refused: an interleaved block lacks its offsets.
// expect: lowbit policy: an interleaved block lacks its offsets; list field::zero_points or field::minimums
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::asymmetric, lowbit::interleaved<1, lowbit::field::scales, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
