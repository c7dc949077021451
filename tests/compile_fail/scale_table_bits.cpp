// SPDX-License-Identifier: MIT
// Refused: a table packs scales of another width than the policy.
// expect: lowbit policy: a table packs scales or offsets of another width than the policy
#include <lowbit/quantize/quantized_view.hpp>

using format = lowbit::format_of<lowbit::policy<lowbit::int3, lowbit::per_group<16>, lowbit::scale_as<lowbit::int8>, lowbit::super_scale<lowbit::float16, 16>, lowbit::interleaved<16, lowbit::field::codes, lowbit::q3_k_scales, lowbit::field::super_scale>>>;
constexpr auto refused = lowbit::detail::layout_access<format>::bytes({1, 512});
