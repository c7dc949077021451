// SPDX-License-Identifier: MIT
// Refused: n_of_m<N, M> keeps N of M weights: 0 < N < M <= 32.
// expect: lowbit policy: n_of_m<N, M> keeps N of M weights: 0 < N < M <= 32
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::prune<lowbit::n_of_m<4, 4>>>::bits;
