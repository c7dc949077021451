// SPDX-License-Identifier: MIT
// Refused: two roundings.
// expect: lowbit policy: two roundings; keep one rounding<Mode>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::rounding<lowbit::nearest_even>, lowbit::rounding<lowbit::nearest_even>>::bits;
