// SPDX-License-Identifier: MIT
// Refused: interleaved blocks need per_group<N>.
// expect: lowbit policy: interleaved blocks need per_group<N>; leave interleaved out or name the group
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int4, lowbit::per_channel, lowbit::interleaved<1, lowbit::field::scales, lowbit::field::codes>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 32});
