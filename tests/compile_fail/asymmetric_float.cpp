// SPDX-License-Identifier: MIT
// Refused: asymmetric needs an integer element, since a zero point is a code.
// expect: lowbit policy: asymmetric needs an integer element, since a zero point is a code; use minimum_as<float16> or an integer element
#include <lowbit/numeric/float4.hpp>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::float4_e2m1, lowbit::asymmetric>::bits;
