// SPDX-License-Identifier: MIT
// Refused: two super-minimums.
// expect: lowbit policy: two super-minimums; keep one super_minimum<T, Groups>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::super_minimum<float, 4>, lowbit::super_minimum<float, 8>>::bits;
