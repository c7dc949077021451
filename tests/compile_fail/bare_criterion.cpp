// SPDX-License-Identifier: MIT
// A criterion without prune.
// expect: lowbit policy: a rule, rounding, mask or criterion stands bare; wrap it
#include <lowbit/policy/policy.hpp>
#include <lowbit/prune/criteria.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::by_magnitude>::bits;
