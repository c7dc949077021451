// SPDX-License-Identifier: MIT
// A scale rule without its wrapper.
// expect: lowbit policy: a rule, rounding, mask or criterion stands bare; wrap it
#include <lowbit/policy/policy.hpp>
#include <lowbit/quantize/scale_rule.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::mse>::bits;
