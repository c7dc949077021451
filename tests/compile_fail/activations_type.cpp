// SPDX-License-Identifier: MIT
// Refused: activations<T> with an unknown T.
// expect: lowbit policy: activations<T> with an unknown T; use activations<int8>, activations<int8, per_group<32>>, activations<float> or activations<binary>
#include <lowbit/policy/policy.hpp>

constexpr int refused = lowbit::policy<lowbit::int4, lowbit::activations<double>>::bits;
