// SPDX-License-Identifier: MIT
// Refused: scale_as<T> with a type that stores no scale.
// expect: lowbit policy: scale_as<T> with a type that stores no scale; use float, float16, bfloat16, float8_e4m3 or e8m0
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::scale_as<double>>::bits;
