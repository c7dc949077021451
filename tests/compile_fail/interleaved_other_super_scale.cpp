// SPDX-License-Identifier: MIT
// Refused: a super-scale spans the groups of one interleaved block.
// expect: lowbit policy: a super-scale spans the groups of one interleaved block; give super_scale<T, Groups> as many
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::scale_as<lowbit::uint6>, lowbit::super_scale<lowbit::float16, 4>, lowbit::interleaved<8, lowbit::field::super_scale, lowbit::field::scales, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
