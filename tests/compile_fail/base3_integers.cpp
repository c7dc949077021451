// SPDX-License-Identifier: MIT
// Refused: base3 and split_base3 store ternary codes.
// expect: lowbit policy: base3 and split_base3 store ternary codes; use lowbit::ternary, or leave the code order out
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int2, lowbit::base3>::bits;
