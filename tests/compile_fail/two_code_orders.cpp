// SPDX-License-Identifier: MIT
// Refused: two code orders.
// expect: lowbit policy: two code orders; keep one of sequential, split_half<N>, high_first, bit_planes<LowBits, LowOrder, HighOrder>, base3
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::high_first, lowbit::split_half<16>>::bits;
