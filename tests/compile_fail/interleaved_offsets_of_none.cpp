// SPDX-License-Identifier: MIT
// Refused: an interleaved block has a place for offsets that its policy lacks.
// expect: lowbit policy: an interleaved block has a place for offsets that its policy lacks, or two
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::interleaved<1, lowbit::field::scales, lowbit::field::minimums, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 512});
