// SPDX-License-Identifier: MIT
// Refused: quantized_minimum<T> needs an integer element, and an unsigned integer T as uint6.
// expect: lowbit policy: quantized_minimum<T> needs an integer element, and an unsigned integer T as uint6
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::quantized_minimum<lowbit::float16>, lowbit::super_minimum<lowbit::float16, 8>>::bits;
