// SPDX-License-Identifier: MIT
// Refused: minimums that cannot be negative.
// expect: lowbit policy: minimum_as<T> with a type that cannot be negative, as e8m0, or has no range; use float, float16 or bfloat16
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::uint4, lowbit::per_group<32>, lowbit::minimum_as<lowbit::e8m0>>::bits;
