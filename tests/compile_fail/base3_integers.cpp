// SPDX-License-Identifier: MIT
// Refused: base3 stores ternary codes.
// expect: lowbit policy: base3 stores ternary codes; use lowbit::ternary, or leave base3 out
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int2, lowbit::base3>::bits;
