// SPDX-License-Identifier: MIT
// Refused: a second level of integers.
// expect: lowbit policy: super_minimum<T, Groups> with a type that stores no real number; use super_minimum<float16, Groups>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::uint4, lowbit::per_group<32>, lowbit::quantized_minimum<lowbit::uint6>, lowbit::super_minimum<lowbit::int8, 8>>::bits;
