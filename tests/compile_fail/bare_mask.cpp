// SPDX-License-Identifier: MIT
// A mask without prune.
// expect: lowbit policy: a rule, rounding, mask or criterion stands bare; wrap it
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::n_of_m<2, 4>>::bits;
