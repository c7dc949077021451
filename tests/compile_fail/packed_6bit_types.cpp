// SPDX-License-Identifier: MIT
// Refused: field::packed_6bit holds scale_as<uint6> and quantized_minimum<uint6>.
// expect: lowbit policy: field::packed_6bit holds scale_as<uint6> and quantized_minimum<uint6>
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::interleaved<8, lowbit::field::packed_6bit, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
