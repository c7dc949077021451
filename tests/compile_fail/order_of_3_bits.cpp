// SPDX-License-Identifier: MIT
// Refused: split_half and high_first share a byte among codes of 1, 2, 4 or 8 bits.
// expect: lowbit policy: split_half and high_first share a byte among codes of 1, 2, 4 or 8 bits; leave the code order out, or split the codes
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int3, lowbit::high_first>::bits;
