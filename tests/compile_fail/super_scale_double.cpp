// SPDX-License-Identifier: MIT
// Refused: a second level of a type that nothing stores.
// expect: lowbit policy: super_scale<T, Groups> with a type that stores no real number; use super_scale<float16, Groups>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::scale_as<lowbit::uint6>, lowbit::super_scale<double, 8>>::bits;
