// SPDX-License-Identifier: MIT
// Refused: per_group<N> and per_block<R, C> take at least 1.
// expect: lowbit policy: per_group<N> and per_block<R, C> take at least 1; per_channel and per_tensor take all there is
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::per_block<4, 0>>::bits;
