// SPDX-License-Identifier: MIT
// Refused: prune<Mask, Criterion> with a Mask that keeps nothing.
// expect: lowbit policy: prune<Mask, Criterion> with a Mask that keeps nothing; use n_of_m<N, M>, unstructured<percent> or block_sparse<R, C, percent>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::prune<int>>::bits;
