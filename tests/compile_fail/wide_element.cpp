// SPDX-License-Identifier: MIT
// Refused: an element wider than 8 bits.
// expect: lowbit policy: an element wider than 8 bits; weights take 1 to 8 bits
#include <lowbit/numeric/float16.hpp>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::float16>::bits;
