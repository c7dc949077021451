// SPDX-License-Identifier: MIT
// Refused: quantized_minimum<T> and super_minimum<float16, Groups> go together.
// expect: lowbit policy: quantized_minimum<T> and super_minimum<float16, Groups> go together
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::quantized_minimum<lowbit::uint6>>::bits;
