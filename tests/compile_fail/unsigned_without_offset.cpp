// SPDX-License-Identifier: MIT
// Refused: an unsigned element that would clip negative weights.
// expect: lowbit policy: an element without negative values, as uint4, and no offset; add asymmetric or minimum_as<float16>, or symmetric for weights that are never negative
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::uint4, lowbit::per_group<32>>::bits;
