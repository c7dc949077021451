// SPDX-License-Identifier: MIT
// Refused: an interleaved block lists field::super_scale and field::super_minimum exactly if the policy has them.
// expect: lowbit policy: an interleaved block lists field::super_scale and field::super_minimum exactly if the policy has them
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::scale_as<lowbit::uint6>, lowbit::super_scale<lowbit::float16, 8>, lowbit::interleaved<8, lowbit::field::scales, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
