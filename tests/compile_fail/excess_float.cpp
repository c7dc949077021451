// SPDX-License-Identifier: MIT
// Refused: excess_codes shift an integer code.
// expect: lowbit policy: excess_codes shift an integer code; use an integer element, or leave excess_codes out
#include <lowbit/numeric/float4.hpp>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::float4_e2m1, lowbit::excess_codes>::bits;
