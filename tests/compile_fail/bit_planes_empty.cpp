// SPDX-License-Identifier: MIT
// Refused: bit_planes<LowBits, ...> leaves one of its planes empty.
// expect: lowbit policy: bit_planes<LowBits, ...> leaves one of its planes empty
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::bit_planes<4, lowbit::split_half<16>, lowbit::sequential>>::bits;
