// SPDX-License-Identifier: MIT
// Refused: scales that are -1, 0 or 1.
// expect: lowbit policy: scale_as<T> with a type that has no range, as ternary; use float, float16, bfloat16, float8_e4m3 or e8m0
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::scale_as<lowbit::ternary>>::bits;
