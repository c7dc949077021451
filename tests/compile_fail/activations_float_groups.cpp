// SPDX-License-Identifier: MIT
// Refused: float activations have no scales.
// expect: lowbit policy: activations<float> have no scales; leave the granularity out
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int8, lowbit::activations<float, lowbit::per_group<32>>>::bits;
