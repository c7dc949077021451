// SPDX-License-Identifier: MIT
// Refused: integer scales need a second level.
// expect: lowbit policy: integer scales need a second level; add super_scale<float16, Groups> or use scale_as<float16>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::scale_as<lowbit::uint6>>::bits;
