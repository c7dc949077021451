// SPDX-License-Identifier: MIT
// Refused: two tensor scales.
// expect: lowbit policy: two tensor scales; keep one of tensor_scale, tensor_divisor
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::tensor_scale, lowbit::tensor_divisor>::bits;
