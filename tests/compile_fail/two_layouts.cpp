// SPDX-License-Identifier: MIT
// Refused: two layouts.
// expect: lowbit policy: two layouts; keep one of planar, planar_transposed, interleaved<Groups, Fields...>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::planar, lowbit::planar_transposed>::bits;
