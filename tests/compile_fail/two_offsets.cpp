// SPDX-License-Identifier: MIT
// Refused: two offsets.
// expect: lowbit policy: two offsets; keep one of symmetric, asymmetric, zero_point_as<T>, minimum_as<T>, quantized_minimum<T>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::symmetric, lowbit::asymmetric>::bits;
