// SPDX-License-Identifier: MIT
// Refused: quantized_minimum<T> counts super-minimums, and T has a sign.
// expect: lowbit policy: quantized_minimum<T> needs an integer element, and an unsigned integer T as uint6
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::uint4, lowbit::per_group<32>, lowbit::quantized_minimum<lowbit::int6>, lowbit::super_minimum<lowbit::float16, 8>>::bits;
