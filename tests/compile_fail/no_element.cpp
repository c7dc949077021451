// SPDX-License-Identifier: MIT
// A policy without an element.
// expect: lowbit policy: no element type; name one, for example policy<lowbit::int4, ...>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::per_channel>::bits;
