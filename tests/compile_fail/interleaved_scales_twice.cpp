// SPDX-License-Identifier: MIT
// Refused: an interleaved block has two places for its scales.
// expect: lowbit policy: an interleaved block has two places for its scales; keep one
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::uint2, lowbit::per_group<16>, lowbit::scale_as<lowbit::uint4>, lowbit::super_scale<lowbit::float16, 16>, lowbit::quantized_minimum<lowbit::uint4>, lowbit::super_minimum<lowbit::float16, 16>, lowbit::interleaved<16, lowbit::field::scales, lowbit::nibble_pairs<16>, lowbit::field::codes, lowbit::field::super_scale, lowbit::field::super_minimum>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 512});
