// SPDX-License-Identifier: MIT
// A type that is no tag.
// expect: lowbit policy: a tag is neither an element type nor on any axis
#include <lowbit/policy/policy.hpp>

struct unknown {};
constexpr int refused = lowbit::policy<lowbit::int8, unknown>::bits;
