// SPDX-License-Identifier: MIT
// Refused: bit_planes takes two code orders.
// expect: lowbit policy: bit_planes<LowBits, LowOrder, HighOrder> takes two code orders, as split_half<32> or sequential
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int6, lowbit::bit_planes<4, lowbit::sequential, lowbit::planar>>::bits;
