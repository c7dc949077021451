// SPDX-License-Identifier: MIT
// Refused: a table of scales is made for another number of groups.
// expect: lowbit policy: a table of scales is made for another number of groups; interleaved<Groups, ...> takes its `groups`
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::uint4, lowbit::per_group<32>, lowbit::scale_as<lowbit::uint6>, lowbit::super_scale<lowbit::float16, 4>, lowbit::quantized_minimum<lowbit::uint6>, lowbit::super_minimum<lowbit::float16, 4>, lowbit::interleaved<4, lowbit::field::super_scale, lowbit::field::super_minimum, lowbit::q4_k_scales, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 512});
