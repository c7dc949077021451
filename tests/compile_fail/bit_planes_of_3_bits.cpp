// SPDX-License-Identifier: MIT
// Refused: split_half and high_first share a byte among codes of 1, 2, 4 or 8 bits, also in a plane.
// expect: lowbit policy: split_half and high_first share a byte among codes of 1, 2, 4 or 8 bits; give that plane of bit_planes another order
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int5, lowbit::bit_planes<2, lowbit::sequential, lowbit::split_half<16>>>::bits;
