// SPDX-License-Identifier: MIT
// Refused: planar_transposed has one level of scales.
// expect: lowbit policy: planar_transposed has one level of scales; leave super_scale and quantized_minimum out
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::scale_as<lowbit::uint6>, lowbit::super_scale<lowbit::float16, 8>, lowbit::planar_transposed>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
