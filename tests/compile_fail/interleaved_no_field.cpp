// SPDX-License-Identifier: MIT
// Refused: interleaved lists something that is no field.
// expect: lowbit policy: interleaved lists something that is no field
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::interleaved<1, lowbit::field::scales, lowbit::field::codes, int>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
