// SPDX-License-Identifier: MIT
// Refused: prune needs an element with an exact zero.
// expect: lowbit policy: prune needs an element with an exact zero; this one has none, as binary and IQ4_NL
#include <lowbit/numeric/binary.hpp>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::binary, lowbit::prune<lowbit::n_of_m<2, 4>>>::bits;
