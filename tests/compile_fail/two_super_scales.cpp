// SPDX-License-Identifier: MIT
// Refused: two super-scales.
// expect: lowbit policy: two super-scales; keep one super_scale<T, Groups>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::super_scale<float, 4>, lowbit::one_level>::bits;
