// SPDX-License-Identifier: MIT
// Refused: an interleaved block lists a field twice.
// expect: lowbit policy: an interleaved block lists a field twice; keep one
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::interleaved<1, lowbit::field::scales, lowbit::field::codes, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 512});
