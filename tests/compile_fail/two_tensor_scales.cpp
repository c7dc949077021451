// SPDX-License-Identifier: MIT
// Refused: tensor_scale stands twice.
// expect: lowbit policy: tensor_scale stands twice; keep one
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::tensor_scale, lowbit::tensor_scale>::bits;
