// SPDX-License-Identifier: MIT
// Refused: two scale rules.
// expect: lowbit policy: two scale rules; keep one scale_rule<Rule>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::scale_rule<lowbit::absmax>, lowbit::scale_rule<lowbit::abs_mean>>::bits;
