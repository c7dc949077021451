// SPDX-License-Identifier: MIT
// Refused: two element types.
// expect: lowbit policy: two element types; keep one
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::int8>::bits;
