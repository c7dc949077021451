// SPDX-License-Identifier: MIT
// Refused: prune needs the planar layout.
// expect: lowbit policy: prune needs the planar layout; leave interleaved and planar_transposed out
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::planar_transposed, lowbit::prune<lowbit::n_of_m<2, 4>>>::bits;
