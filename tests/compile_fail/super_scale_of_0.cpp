// SPDX-License-Identifier: MIT
// Refused: super_scale<T, Groups> spans at least 1 group.
// expect: lowbit policy: super_scale<T, Groups> spans at least 1 group
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::super_scale<float, 0>>::bits;
