// SPDX-License-Identifier: MIT
// Refused: zero_point_as<T> stores a code, counted from the lowest.
// expect: lowbit policy: zero_point_as<T> stores a code, counted from the lowest; T is uint4, uint8 or another unsigned integer of enough bits
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::zero_point_as<lowbit::float16>>::bits;
