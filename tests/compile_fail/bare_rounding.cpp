// SPDX-License-Identifier: MIT
// A rounding without its wrapper.
// expect: lowbit policy: a rule, rounding, mask or criterion stands bare; wrap it
#include <lowbit/numeric/rounding.hpp>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::stochastic>::bits;
