// SPDX-License-Identifier: MIT
// Refused: two kinds of activations.
// expect: lowbit policy: two kinds of activations; keep one activations<T, Granularity>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::activations<float>, lowbit::activations<lowbit::int8>>::bits;
