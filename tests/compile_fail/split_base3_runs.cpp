// SPDX-License-Identifier: MIT
// Refused: the runs of split_base3 must hold all codes.
// expect: lowbit policy: the runs of split_base3<Codes, Runs...> take up to 5 codes a byte and must hold all codes between them
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::ternary, lowbit::split_base3<256, 32, 16>>::bits;
