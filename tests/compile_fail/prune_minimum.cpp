// SPDX-License-Identifier: MIT
// Refused: prune with a minimum has no exact zero.
// expect: lowbit policy: prune with a minimum has no exact zero; use symmetric or asymmetric
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::minimum_as<lowbit::float16>, lowbit::prune<lowbit::n_of_m<2, 4>>>::bits;
