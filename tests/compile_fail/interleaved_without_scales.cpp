// SPDX-License-Identifier: MIT
// Refused: an interleaved block without scales.
// expect: lowbit policy: an interleaved block without scales; list field::scales
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::interleaved<1, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
