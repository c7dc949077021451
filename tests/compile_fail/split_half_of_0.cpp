// SPDX-License-Identifier: MIT
// Refused: split_half<Half> splits runs of at least 2 codes: Half is 1 or more.
// expect: lowbit policy: split_half<Half> splits runs of at least 2 codes: Half is 1 or more
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::split_half<0>>::bits;
