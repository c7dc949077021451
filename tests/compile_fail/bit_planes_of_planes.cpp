// SPDX-License-Identifier: MIT
// Refused: a plane of bit_planes is no order of one plane.
// expect: lowbit policy: a plane of bit_planes is sequential, split_half<N> or high_first
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int6, lowbit::bit_planes<4, lowbit::sequential, lowbit::bit_planes<1, lowbit::sequential, lowbit::sequential>>>::bits;
