// SPDX-License-Identifier: MIT
// Refused: scales that reach further than their super-scale.
// expect: lowbit policy: scale_as<T> reaches further than its super_scale, which would be 0; use a smaller T, as uint6 or float8_e4m3
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::per_group<32>, lowbit::scale_as<lowbit::e8m0>, lowbit::super_scale<lowbit::float16, 8>>::bits;
