// SPDX-License-Identifier: MIT
// Refused: two answers to NaN.
// expect: lowbit policy: two answers to NaN; keep one of refuse_non_finite, zero_non_finite
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::refuse_non_finite, lowbit::zero_non_finite>::bits;
