// SPDX-License-Identifier: MIT
// Refused: minimum_as<T> stores a real number.
// expect: lowbit policy: minimum_as<T> stores a real number; use float, float16 or bfloat16
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::minimum_as<lowbit::int8>>::bits;
