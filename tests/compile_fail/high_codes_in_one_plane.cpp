// SPDX-License-Identifier: MIT
// Refused: field::high_codes holds the high plane of a code order of two.
// expect: lowbit policy: field::high_codes holds the high plane of a code order of two
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::interleaved<1, lowbit::field::scales, lowbit::field::high_codes, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 512});
