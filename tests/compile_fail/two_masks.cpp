// SPDX-License-Identifier: MIT
// Refused: two masks.
// expect: lowbit policy: two masks; keep one prune<Mask, Criterion>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::prune<lowbit::n_of_m<2, 4>>, lowbit::prune<lowbit::unstructured<50>>>::bits;
