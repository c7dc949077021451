// SPDX-License-Identifier: MIT
// Refused: two granularities.
// expect: lowbit policy: two granularities; keep one of per_tensor, per_channel, per_group<N>, per_block<R, C>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::per_tensor, lowbit::per_group<32>>::bits;
